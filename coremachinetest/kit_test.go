package coremachinetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"coremachine"
	"coremachine/coremachinetest"
)

func TestMain(m *testing.M) { coremachinetest.Main(m) }

type (
	params struct {
		N int `json:"n" default:"3" validate:"min=0,max=1000"`
	}
	none  struct{}
	value struct {
		Value int `json:"value"`
	}
	gathered struct {
		Seen []string `json:"seen"`
	}
)

const (
	list   coremachine.TaskType[none, value]    = "list"
	follow coremachine.TaskType[none, value]    = "follow"
	gather coremachine.TaskType[none, gathered] = "gather"
)

// twoParts emits two parts and returns a result.
func twoParts(ctx context.Context, t coremachine.Task, _ none) (value, error) {
	for part := range 2 {
		if err := t.Emit(ctx, value{10*t.Index + part}); err != nil {
			return value{}, err
		}
	}

	return value{100 + t.Index}, nil
}

func next(ctx context.Context, t coremachine.Task, _ none) (value, error) {
	before, err := coremachine.Predecessor[value](ctx, t)
	return value{before.Value + 1}, err
}

// seen reads the parts, and then the results, of a stage.
func seen(ctx context.Context, t coremachine.Task, _ none) (gathered, error) {
	var out gathered

	for v, err := range coremachine.StageParts[value](ctx, t, "list") {
		if err != nil {
			return out, err
		}

		out.Seen = append(out.Seen, fmt.Sprint("part ", v.Value))
	}

	for v, err := range coremachine.StageResults[value](ctx, t, "list") {
		if err != nil {
			return out, err
		}

		out.Seen = append(out.Seen, fmt.Sprint("result ", v.Value))
	}

	return out, nil
}

var all = map[string]coremachine.Handler{
	string(list):   coremachine.Func(twoParts, coremachine.Emits[value]()),
	string(follow): coremachine.Func(next),
	string(gather): coremachine.Func(seen),
}

// TestFakeLineageShowsWhatTheEngineShows runs the same handlers with both.
func TestFakeLineageShowsWhatTheEngineShows(t *testing.T) {
	t.Parallel()

	e := coremachinetest.Start(t, map[string]coremachine.Job{"job": coremachine.Define(coremachine.Definition[params]{
		Stages: []coremachine.Stage[params]{
			{Name: "list", Tasks: coremachine.Dynamic(list, "n", func(params, int) none { return none{} })},
			{
				Name: "follow", UsesLineage: true,
				Tasks: coremachine.MatchPrevious(follow, func(params, int) none { return none{} }),
			},
			{
				Name: "gather", DependsOn: []string{"list"},
				Tasks: coremachine.FanIn(gather, func(params) none { return none{} }),
			},
		},
	})}, all)
	job := e.Run("job", `{}`).MustBe(t, coremachinetest.Completed)

	var parts []coremachinetest.Emitted

	lineage := coremachinetest.NewLineage(t).Follows(value{102}).Stage("list", value{100}, value{101}, value{102})

	for index := range 3 {
		var emitted coremachinetest.Emitted

		task := coremachinetest.NewTask(coremachinetest.TaskSpec{Index: index, Emit: emitted.Emit})
		if _, err := all[string(list)].Run(t.Context(), task, nil); err != nil {
			t.Fatal(err)
		}

		parts = append(parts, emitted)

		lineage.Parts("list", index, value{10 * index}, value{10*index + 1})
	}

	if got := fmt.Sprint(parts[2].Parts); got != `[{"value":20} {"value":21}]` {
		t.Errorf("the task emitted %s", got)
	}

	task := coremachinetest.NewTask(coremachinetest.TaskSpec{Index: 2, Lineage: lineage})
	for stage, index := range map[string]int{"gather": 0, "follow": 2} {
		got, err := all[stage].Run(t.Context(), task, nil)
		if want := string(e.Results(job.ID, stage)[index]); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v; the engine gives %s", stage, got, err, want)
		}
	}
}

func TestFakeLineageFailsAsTheEngineDoes(t *testing.T) {
	t.Parallel()

	away := errors.New("the database is away")

	for name, c := range map[string]struct {
		handler string
		lineage *coremachinetest.FakeLineage
		want    func(error) bool
	}{
		"UnknownStage": {"gather", coremachinetest.NewLineage(t), coremachine.IsPermanent},
		"NoLineage":    {"gather", nil, coremachine.IsPermanent},
		"NotCompleted": {"follow", coremachinetest.NewLineage(t).Follows(nil), func(err error) bool {
			return err != nil && !coremachine.IsPermanent(err)
		}},
		"Away": {"gather", coremachinetest.NewLineage(t).Fail(away), func(err error) bool {
			return errors.Is(err, away)
		}},
		"Empty": {"gather", coremachinetest.NewLineage(t).Stage("list"), func(err error) bool { return err == nil }},
	} {
		spec := coremachinetest.TaskSpec{}
		if c.lineage != nil {
			spec.Lineage = c.lineage
		}

		if _, err := all[c.handler].Run(t.Context(), coremachinetest.NewTask(spec), nil); !c.want(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestClockMovesWhenItIsAdvanced(t *testing.T) {
	t.Parallel()

	begin := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	clock := coremachinetest.NewClock(begin)
	ended := make(chan time.Duration, 3)

	for _, d := range []time.Duration{time.Minute, time.Hour} {
		go func() {
			if err := clock.Sleep(t.Context(), d); err == nil {
				ended <- d
			}
		}()
	}

	if err := clock.AwaitSleepers(t.Context(), 2); err != nil {
		t.Fatal(err)
	}

	clock.Advance(59 * time.Second)

	if len(ended) != 0 {
		t.Error("a wait ended before its time")
	}

	clock.Advance(time.Second)

	got := []time.Duration{<-ended}

	clock.Advance(time.Hour)

	if got = append(got, <-ended); !slices.Equal(got, []time.Duration{time.Minute, time.Hour}) {
		t.Errorf("the waits ended in the order %v", got)
	}

	if now := clock.Now(); !now.Equal(begin.Add(time.Hour + time.Minute)) {
		t.Errorf("the clock shows %s", now)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("over")

	go cancel(over)

	if err := clock.Sleep(ctx, time.Minute); !errors.Is(err, over) {
		t.Errorf("the wait ended with %v", err)
	}

	if err := clock.Sleep(t.Context(), 0); err != nil {
		t.Errorf("a wait of 0 ended with %v", err)
	}
}
