package coremachine_test

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// buildStages returns the stages of the old build. Every call returns new ones,
// so that a test can change them.
func buildStages[P any]() []define.Stage[P] {
	return []define.Stage[P]{
		{Name: "list", Tasks: define.Dynamic(built, "n", each[P]("list"))},
		{Name: "copy", Tasks: copies[P]("copy", "list"), Bundle: 1},
		{Name: "check", Tasks: define.MatchPrevious(built, each[P]("check")), UsesLineage: true},
		{Name: "total", Tasks: define.FanIn(built, func(P) builtIn { return builtIn{For: "total"} })},
	}
}

func each[P any](stage string) func(P, int) builtIn {
	return func(_ P, i int) builtIn { return builtIn{For: stage, Add: i} }
}

// copies plans two tasks for each result of a stage.
func copies[P any](stage, from string) define.Tasks[P] {
	return define.FanOut(built, define.From(from, built), func(_ P, i int, _ workOut) iter.Seq[builtIn] {
		return func(yield func(builtIn) bool) {
			_ = yield(builtIn{stage, 2 * i}) && yield(builtIn{stage, 2*i + 1})
		}
	})
}

func buildOf[P any](stages []define.Stage[P]) map[string]define.Job {
	return map[string]define.Job{"moving": define.Define(define.Definition[P]{
		Description: "A job that a deployment changes", Stages: stages,
		Result: func(ctx context.Context, _ P, r define.Results) (any, error) {
			for out, err := range define.Of[workOut](ctx, r, "total") {
				return out, err
			}

			return nil, nil
		},
	})}
}

// change returns the job of the new build: the old job with one change.
func change(fn func(stages []define.Stage[builtParams]) []define.Stage[builtParams]) map[string]define.Job {
	return buildOf(fn(buildStages[builtParams]()))
}

// heldStage keeps the attempts of a stage waiting until the test opens it.
type heldStage struct {
	stage  string
	open   chan struct{}
	met    chan struct{}
	once   sync.Once
	opened sync.Once
}

func newHold(stage string) *heldStage {
	return &heldStage{stage: stage, open: make(chan struct{}), met: make(chan struct{})}
}

func (h *heldStage) release() { h.opened.Do(func() { close(h.open) }) }

func (h *heldStage) handlers(jobs map[string]define.Job) map[string]handlers.Handler {
	reads := "copy"
	run := func(ctx context.Context, t handlers.Task, in builtIn) (workOut, error) {
		if in.For != t.Stage {
			return workOut{}, handlers.Permanent(
				fmt.Errorf("stage %s received an input for %q", t.Stage, in.For),
			)
		}

		if t.Stage == h.stage {
			h.once.Do(func() { close(h.met) })

			select {
			case <-h.open:
			case <-ctx.Done():
				return workOut{}, ctx.Err()
			}
		}

		return compute(ctx, t, in, reads)
	}
	all := map[string]handlers.Handler{}

	for _, s := range jobs["moving"].Stages() {
		if s.Kind == state.FanOut {
			reads = s.Name
		}

		all[s.TaskType] = handlers.Func(run)
	}

	return all
}

// compute does the work of a task. The stage total adds up the results of the
// stage reads.
func compute(ctx context.Context, t handlers.Task, in builtIn, reads string) (out workOut, err error) {
	switch t.Stage {
	case "check":
		out, err = handlers.Predecessor[workOut](ctx, t)
		return out, err
	case "total":
		for r, err := range handlers.Results[workOut](ctx, t, reads) {
			if err != nil {
				return out, err
			}

			out.Value += r.Value
		}

		return out, nil
	}

	return workOut{Value: in.Add}, nil
}

// buildCase is a deployment that changes a job while the old build holds a
// stage of it.
type buildCase struct {
	name    string
	hold    string                // the stage that runs when the new build starts
	next    map[string]define.Job // the new build
	differs string                // the job's error if no old build is left; "": it completes
}

func buildCases() []buildCase {
	type stages = []define.Stage[builtParams]

	on := func(names ...string) []string { return names }
	single := func(name string) define.Tasks[builtParams] {
		return define.Single(built, func(builtParams) builtIn { return builtIn{For: name} })
	}

	return []buildCase{
		{"the same", "list", change(func(s stages) stages { return s }), ""},
		{"stage inserted in front", "list", change(func(s stages) stages {
			s[0].DependsOn = define.None
			return append(stages{{Name: "before", Tasks: single("before")}}, s...)
		}), ""},
		{"stage inserted in front, tasks in flight", "check", change(func(s stages) stages {
			s[0].DependsOn = define.None
			return append(stages{{Name: "before", Tasks: single("before")}}, s...)
		}), ""},
		{"stage inserted at the end", "list", change(func(s stages) stages {
			return append(s, define.Stage[builtParams]{Name: "after", Tasks: single("after")})
		}), ""},
		{"stage inserted in the middle", "list", change(func(s stages) stages {
			s[2].DependsOn = on("between")
			s[2].Tasks = define.MatchPrevious(built, each[builtParams]("check"))

			return stages{
				s[0],
				s[1],
				{Name: "between", Tasks: define.MatchPrevious(built, each[builtParams]("between"))},
				s[2],
				s[3],
			}
		}), `stage "check" depended on copy, this build declares between`},
		{
			"stage removed", "list", change(func(s stages) stages { return stages{s[0], s[1], s[3]} }),
			`stage "check" was match_previous over copy, this build does not declare it`,
		},
		{"all later stages removed", "list", change(func(s stages) stages {
			return stages{s[0], {Name: "total", Tasks: single("total")}}
		}), `stage "copy" was fan_out over list, this build does not declare it`},
		{"stage renamed", "list", change(func(s stages) stages {
			s[1].Name, s[1].Tasks = "copies", copies[builtParams]("copies", "list")
			return s
		}), `stage "copy" was fan_out over list, this build does not declare it`},
		{"kind changed", "list", change(func(s stages) stages {
			s[1].Tasks = define.Dynamic(built, "n", each[builtParams]("copy"))
			return s
		}), `stage "copy" was fan_out over list, this build declares dynamic`},
		{"kind changed, tasks in flight", "copy", change(func(s stages) stages {
			s[1].Tasks = define.Dynamic(built, "n", each[builtParams]("copy"))
			return s
		}), `stage "copy" was fan_out over list, this build declares dynamic`},
		{"task type changed", "list", change(func(s stages) stages {
			s[2].Tasks = define.MatchPrevious(builtOther, each[builtParams]("check"))
			return s
		}), `stage "check" ran tasks of type built, this build declares built_other`},
		{"task type of the stage before changed", "check", change(func(s stages) stages {
			s[1].Tasks = define.FanOut(
				builtOther,
				define.From("list", built),
				func(builtParams, int, workOut) iter.Seq[builtIn] { return nil },
			)

			return s
		}), `stage "copy" ran tasks of type built, this build declares built_other`},
		{"task type of an earlier stage changed", "total", change(func(s stages) stages {
			s[1].Tasks = define.FanOut(
				builtOther,
				define.From("list", built),
				func(builtParams, int, workOut) iter.Seq[builtIn] { return nil },
			)

			return s
		}), `stage "copy" ran tasks of type built, this build declares built_other`},
		{"dependency changed", "list", change(func(s stages) stages {
			s[3].DependsOn = on("copy", "check")
			return s
		}), `stage "total" depended on check, this build declares check, copy`},
		{"parameter added with a default", "list", buildOf(buildStages[builtDefault]()), ""},
		{
			"parameter added without a default", "list", buildOf(buildStages[builtRequired]()),
			`this build rejects the stored parameters: region: missing: want a string`,
		},
		{"parameter removed", "list", buildOf(buildStages[builtParamsN]()), ""},
		{
			"result function removed",
			"list",
			map[string]define.Job{"moving": define.Define(define.Definition[builtParams]{
				Description: "A job that a deployment changes", Stages: buildStages[builtParams](),
			})},
			"the job had a result function, but this build declares none",
		},
	}
}
