package verbs

import (
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
)

// step is the only task type. It takes some time, and fails occasionally.
const step handlers.TaskType[stepIn, stepOut] = "step"

type stepIn struct {
	Value int `json:"value"`
}

type stepOut struct {
	Value int `json:"value"`
}

// params distinguish the jobs.
type params struct {
	Seed int `json:"seed" default:"0"`
	N    int `json:"n"    default:"20" validate:"min=1,max=1000"`
}

var handler = handlers.Func(
	runStep,
	handlers.Attempts(2),
	handlers.Base(time.Millisecond),
	handlers.Cap(5*time.Millisecond),
)

// chances makes the outcome of an attempt depend on its task and on the run.
var chances = maphash.MakeSeed()

func runStep(ctx context.Context, t handlers.Task, in stepIn) (stepOut, error) {
	chance := maphash.String(chances, fmt.Sprintf("%s/%d", t.Key, t.Attempt)) % 1000

	timer := time.NewTimer(time.Duration(chance%20) * time.Millisecond)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-ctx.Done():
		return stepOut{}, ctx.Err()
	}

	switch {
	case chance < 15:
		return stepOut{}, handlers.Permanent(fmt.Errorf("task %d failed", in.Value))
	case chance < 60:
		return stepOut{}, fmt.Errorf("task %d failed once", in.Value)
	}

	return stepOut(in), nil
}

func input(_ params, i int) stepIn { return stepIn{i} }

// chain fails at the first failed task.
var chain = define.Define(define.Definition[params]{
	Description: "Three stages, one after the other",
	Stages: []define.Stage[params]{
		{Name: "first", Tasks: define.Dynamic(step, "n", input), Bundle: 4},
		{Name: "second", Tasks: define.MatchPrevious(step, input), UsesLineage: true},
		{
			Name:        "last",
			Tasks:       define.FanIn(step, func(p params) stepIn { return stepIn{p.Seed} }),
			UsesLineage: true,
		},
	},
})

// fan tolerates failures, plans from results and has a result function.
var fan = define.Define(define.Definition[params]{
	Description: "A stage planned from a result, and one next to it",
	Tolerance:   0.5,
	Stages: []define.Stage[params]{
		{Name: "size", Tasks: define.Single(step, func(p params) stepIn { return stepIn{p.N} })},
		{
			Name:      "side",
			Tasks:     define.Dynamic(step, "n", input),
			DependsOn: define.None,
			Window:    8,
			Bundle:    2,
		},
		{
			Name:      "tiles",
			Tasks:     define.FanOut(step, define.From("size", step), tiles),
			DependsOn: []string{"size"},
		},
	},
	Result: func(_ context.Context, p params, _ define.Results) (any, error) { return p.Seed, nil },
})

func tiles(_ params, _ int, size stepOut) iter.Seq[stepIn] {
	return func(yield func(stepIn) bool) {
		for i := range size.Value {
			if !yield(stepIn{i}) {
				return
			}
		}
	}
}
