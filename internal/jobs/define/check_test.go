package define_test

import (
	"context"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
)

func run[In, Out any](context.Context, handlers.Task, In) (Out, error) {
	var out Out
	return out, nil
}

func handle[In, Out any](_ handlers.TaskType[In, Out], opts ...handlers.Option) handlers.Handler {
	return handlers.Func(run[In, Out], opts...)
}

func allHandlers() map[string]handlers.Handler {
	return map[string]handlers.Handler{
		"list": handle(
			list,
			handlers.Emits[item](),
		),
		"work":    handle(work),
		"gather":  handle(gather),
		"another": handle(another),
	}
}

func same(_ counted, _ int, i item) iter.Seq[item] {
	return func(yield func(item) bool) { yield(i) }
}

func everyKind() define.Job {
	return declare(
		define.Stage[counted]{Name: "list", Tasks: define.Single(list, noInput)},
		define.Stage[counted]{Name: "dynamic", Tasks: dynamic(), DependsOn: define.None},
		define.Stage[counted]{
			Name:        "follow",
			Tasks:       define.MatchPrevious(another, itemOf),
			UsesLineage: true,
		},
		define.Stage[counted]{
			Name:  "each_result",
			Tasks: define.FanOut(work, define.From("list", list), names),
		},
		define.Stage[counted]{
			Name:  "each_part",
			Tasks: define.FanOut(work, define.FromParts[item]("list"), same),
		},
		define.Stage[counted]{
			Name:      "collect",
			Tasks:     define.FanIn(gather, noInput),
			DependsOn: []string{"each_part", "each_result", "follow"},
		},
	)
}

func TestCheck_AcceptsEveryKind(t *testing.T) {
	t.Parallel()

	got := define.Check(
		map[string]define.Job{"every_kind": everyKind()},
		allHandlers(),
		handlers.Deps{},
		10*time.Minute,
	)
	if diff := cmp.Diff([]string{}, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}

	want := []define.StageSpec{
		{Name: "list", TaskType: "list", Kind: "single", DependsOn: []int{}, Source: -1, Window: 10_000},
		{Name: "dynamic", TaskType: "work", Kind: "dynamic", DependsOn: []int{}, Source: -1, Window: 10_000},
		{
			Name:        "follow",
			TaskType:    "another",
			Kind:        "match_previous",
			DependsOn:   []int{1},
			Source:      1,
			Window:      10_000,
			UsesLineage: true,
		},
		{
			Name:      "each_result",
			TaskType:  "work",
			Kind:      "fan_out",
			DependsOn: []int{0},
			Source:    0,
			Window:    10_000,
		},
		{
			Name:      "each_part",
			TaskType:  "work",
			Kind:      "fan_out",
			DependsOn: []int{0},
			Source:    0,
			Window:    10_000,
		},
		{
			Name:        "collect",
			TaskType:    "gather",
			Kind:        "fan_in",
			DependsOn:   []int{2, 3, 4},
			Source:      -1,
			Window:      10_000,
			UsesLineage: true,
		},
	}
	if diff := cmp.Diff(want, everyKind().Stages()); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

func TestCheck_Stages(t *testing.T) {
	t.Parallel()

	one := define.Stage[counted]{Name: "first", Tasks: single()}

	many := make([]define.Stage[counted], 32768)
	for i := range many {
		many[i] = one
	}

	tests := []struct {
		name   string
		stages []define.Stage[counted]
		want   []string // each must occur in one of the problems
	}{
		{"none", nil, []string{"it has no stages"}},
		{"too many", many, []string{"it has 32768 stages: at most 32767"}},
		{
			"same name",
			[]define.Stage[counted]{one, one},
			[]string{`stages 0 and 1 have the same name "first"`},
		},
		{
			"bad name",
			[]define.Stage[counted]{{Name: "First Stage", Tasks: single()}},
			[]string{"must be snake_case"},
		},
		{"no tasks", []define.Stage[counted]{{Name: "a"}}, []string{"stage a: has no tasks"}},
		{
			"nil planner",
			[]define.Stage[counted]{{Name: "a", Tasks: define.Single[counted](gather, nil)}},
			[]string{"stage a: its planner is nil"},
		},
		{
			"unknown dependency",
			[]define.Stage[counted]{one, {Name: "b", Tasks: single(), DependsOn: []string{"x"}}},
			[]string{`stage b: depends on "x", which is not a stage of this job`},
		},
		{
			"twice the same dependency",
			[]define.Stage[counted]{one, {Name: "b", Tasks: single(), DependsOn: []string{"first", "first"}}},
			[]string{`depends on "first" twice`},
		},
		{
			"later dependency",
			[]define.Stage[counted]{
				{Name: "a", Tasks: single(), DependsOn: []string{"b"}},
				{Name: "b", Tasks: single(), DependsOn: define.None},
			},
			[]string{`stage a: depends on "b", which is not an earlier stage`},
		},
		{
			"cycle",
			[]define.Stage[counted]{
				{Name: "a", Tasks: single(), DependsOn: []string{"c"}},
				{Name: "b", Tasks: single()},
				{Name: "c", Tasks: single()},
			},
			[]string{"in a cycle: a -> c -> b -> a"},
		},
		{
			"itself",
			[]define.Stage[counted]{{Name: "a", Tasks: single(), DependsOn: []string{"a"}}},
			[]string{"in a cycle: a -> a"},
		},
		{
			"no such parameter",
			[]define.Stage[counted]{{Name: "a", Tasks: define.Dynamic(work, "m", itemOf)}},
			[]string{`its count parameter "m" does not exist; known: n`},
		},
		{
			"follows nothing",
			[]define.Stage[counted]{{Name: "a", Tasks: define.MatchPrevious(work, itemOf)}},
			[]string{"match_previous follows one stage: it depends on 0"},
		},
		{
			"follows two",
			[]define.Stage[counted]{
				one,
				{Name: "b", Tasks: dynamic()},
				{Name: "c", Tasks: define.MatchPrevious(work, itemOf), DependsOn: []string{"first", "b"}},
			},
			[]string{"match_previous follows one stage: it depends on 2"},
		},
		{
			"collects nothing",
			[]define.Stage[counted]{{Name: "a", Tasks: define.FanIn(gather, noInput)}},
			[]string{"fan_in collects from"},
		},
		{
			"planned from elsewhere",
			[]define.Stage[counted]{
				one,
				{Name: "b", Tasks: define.FanOut(work, define.From("x", list), names)},
			},
			[]string{`is planned from "x", which is not among`},
		},
		{
			"planned from another type",
			[]define.Stage[counted]{
				{Name: "a", Tasks: dynamic()},
				{Name: "b", Tasks: define.FanOut(work, define.From("a", list), names)},
			},
			[]string{
				"is planned from results of list (define_test.listing), but stage a runs work (define_test.item)",
			},
		},
		{
			"planned from other parts",
			[]define.Stage[counted]{
				{Name: "a", Tasks: dynamic()},
				{Name: "b", Tasks: define.FanOut(work, define.FromParts[listing]("a"), names)},
			},
			[]string{
				"is planned from parts of type define_test.listing, but the handler of work declares to emit <nil>",
			},
		},
		{
			"unknown task type",
			[]define.Stage[counted]{
				{Name: "a", Tasks: define.Single(handlers.TaskType[none, none]("nope"), noInput)},
			},
			[]string{`stage a: unknown task type "nope":` +
				` add its handler to handlers.All, in a line that begins with "nope":`},
		},
		{
			"other input and result",
			[]define.Stage[counted]{
				{Name: "a", Tasks: define.Single(handlers.TaskType[none, none]("work"), noInput)},
			},
			[]string{
				"declares the input define_test.none, but its handler takes define_test.item",
				"declares the result define_test.none",
			},
		},
		{
			"reads nothing",
			[]define.Stage[counted]{{Name: "a", Tasks: single(), UsesLineage: true}},
			[]string{"reads earlier results but depends on no stage"},
		},
		{
			"window and bundle",
			[]define.Stage[counted]{{Name: "a", Tasks: single(), Window: -1, Bundle: -2}},
			[]string{"window -1 is below 1", "bundle -2 is not between"},
		},
		{
			"bundle over window",
			[]define.Stage[counted]{{Name: "a", Tasks: single(), Window: 5, Bundle: 6}},
			[]string{"bundle 6 is not between 0 and the window 5"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got := define.Check(
				map[string]define.Job{"job": declare(tt.stages...)},
				allHandlers(),
				handlers.Deps{},
				0,
			)
			for _, want := range tt.want {
				if !strings.Contains(strings.Join(got, "\n"), want) {
					t.Errorf("no problem contains %q: got\n%s", want, strings.Join(got, "\n"))
				}
			}
		})
	}
}

func TestCheck_Handlers(t *testing.T) {
	t.Parallel()

	work := func(opts ...handlers.Option) handlers.Handler { return handle(work, opts...) }

	tests := []struct {
		name    string
		handler handlers.Handler
		want    string
	}{
		{"work", handlers.Handler{}, "it has no function"},
		{"Work", work(), "its name must be snake_case"},
		{"unused", work(), "handler unused: no job uses it"},
		{"work", work(handlers.Attempts(0)), "attempts 0 is below 1"},
		{"work", work(handlers.Factor(0.5)), "factor 0.5 is below 1"},
		{"work", work(handlers.Factor(math.NaN())), "factor NaN is below 1"},
		{"work", work(handlers.Jitter(2)), "jitter 2 is not between 0 and 1"},
		{"work", work(handlers.Base(time.Second), handlers.Cap(time.Millisecond)), "0 <= base <= cap"},
		{"work", work(handlers.Timeout(0)), "timeout 0s is not above 0"},
		{
			"work",
			work(handlers.Timeout(9*time.Minute + 31*time.Second)),
			"exceed the functionTimeout of 10m0s",
		},
		{"work", work(handlers.Needs("Blobs")), "needs Deps.Blobs, which is nil"},
		{"work", work(handlers.Needs("Moon")), "needs Deps.Moon, which does not exist"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()

			job := declare(define.Stage[counted]{Name: "a", Tasks: dynamic()})

			got := define.Check(
				map[string]define.Job{"job": job},
				map[string]handlers.Handler{tt.name: tt.handler},
				handlers.Deps{},
				10*time.Minute,
			)
			if !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("no problem contains %q: got\n%s", tt.want, strings.Join(got, "\n"))
			}
		})
	}
}

func TestCheck_ListsAllProblemsInAStableOrder(t *testing.T) {
	t.Parallel()

	jobs := map[string]define.Job{
		"b": define.Define(
			define.Definition[counted]{
				Tolerance: 1.5,
				Needs:     []string{"Blobs"},
				Stages:    []define.Stage[counted]{{Name: "x", Tasks: dynamic()}},
			},
		),
		"a": {},
		"C": declare(define.Stage[counted]{Name: "x", Tasks: single()}),
		"a_nan": define.Define(
			define.Definition[counted]{
				Tolerance: math.NaN(),
				Stages:    []define.Stage[counted]{{Name: "x", Tasks: single()}},
			},
		),
	}
	want := []string{
		"job C: its name must be snake_case, at most 63 characters",
		`job C: stage x: unknown task type "gather":` +
			` add its handler to handlers.All, in a line that begins with "gather":`,
		"job a: it was not made by define.Define",
		"job a_nan: tolerance NaN is not between 0 and 1",
		`job a_nan: stage x: unknown task type "gather":` +
			` add its handler to handlers.All, in a line that begins with "gather":`,
		"job b: tolerance 1.5 is not between 0 and 1",
		"job b: needs Deps.Blobs, which is nil",
		"handler another: no job uses it",
	}

	all := map[string]handlers.Handler{"work": handle(work), "another": handle(another)}
	for range 5 {
		got := define.Check(jobs, all, handlers.Deps{}, 0)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("problems (-want +got):\n%s", diff)
		}
	}
}
