package model

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"time"

	"pgregory.net/rapid"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// The two task types. A task of type emitting emits the inputs of its
// successors as parts, one by one.
const (
	work  handlers.TaskType[input, output] = "work"
	emits handlers.TaskType[input, output] = "emits"
)

type input struct {
	Value int `json:"value"`
}

type output struct {
	Value int `json:"value"`
}

type params struct {
	N    int  `json:"n"    default:"1" validate:"min=0,max=100"`
	Seed int  `json:"seed" default:"0"`
	Skip bool `json:"skip" default:"false"`
}

// jobSpec is a random job, from which both its definition and its reference are
// made.
type jobSpec struct {
	stages    []stageSpec
	tolerance float64
	bad       int // how many of 16 tasks fail permanently
	result    bool
}

type stageSpec struct {
	name           string
	kind           state.Parallelism
	deps           []int
	source         int // for match_previous and fan_out
	skippable      bool
	emits          bool
	finally        bool // it depends on finally stages only
	window, bundle int
}

func (spec jobSpec) find(name string) stageSpec {
	return spec.stages[slices.IndexFunc(spec.stages, func(s stageSpec) bool { return s.name == name })]
}

func drawSpec(t *rapid.T) jobSpec {
	spec := jobSpec{
		tolerance: rapid.SampledFrom([]float64{0, 0.4, 1}).Draw(t, "tolerance"),
		bad:       rapid.SampledFrom([]int{0, 0, 2, 5}).Draw(t, "bad"),
		result:    rapid.Bool().Draw(t, "result"),
	}

	ordinary := rapid.IntRange(1, 5).Draw(t, "stages")
	for i := range ordinary + rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "finally stages") {
		s := stageSpec{
			name:   fmt.Sprintf("s%d", i),
			window: rapid.IntRange(1, 4).Draw(t, "window"), bundle: rapid.IntRange(1, 3).Draw(t, "bundle"),
			skippable: rapid.IntRange(0, 3).Draw(t, "skippable") == 0, source: -1,
			emits: rapid.IntRange(0, 2).Draw(t, "emits") == 0, finally: i >= ordinary,
		}
		for d := range i {
			if spec.stages[d].finally != s.finally {
				continue
			}

			if rapid.IntRange(0, 2).Draw(t, "depends") > 0 {
				s.deps = append(s.deps, d)
			}
		}

		kinds := []state.Parallelism{state.Single, state.Dynamic, state.Dynamic}
		if len(s.deps) > 0 {
			kinds = append(
				kinds,
				state.FanIn,
				state.FanOut,
				state.FanOut,
				state.MatchPrevious,
				state.MatchPrevious,
			)
			s.source = rapid.SampledFrom(s.deps).Draw(t, "source")
		}

		s.kind = rapid.SampledFrom(kinds).Draw(t, "kind")
		if s.kind == state.MatchPrevious {
			s.deps = []int{s.source}
		}

		spec.stages = append(spec.stages, s)
	}

	return spec
}

// define returns the real definition.
func (spec jobSpec) define() define.Job {
	d := define.Definition[params]{Description: "drawn", Tolerance: spec.tolerance}
	for _, s := range spec.stages {
		st := define.Stage[params]{
			Name:      s.name,
			DependsOn: define.None,
			Window:    s.window,
			Bundle:    s.bundle,
			Finally:   s.finally,
		}
		for _, dep := range s.deps {
			st.DependsOn = append(st.DependsOn, spec.stages[dep].name)
		}

		if s.skippable {
			st.SkipIf = func(p params) bool { return p.Skip }
		}

		run := s.taskType()
		switch s.kind {
		case state.Single:
			st.Tasks = define.Single(run, func(p params) input { return input{first(p, 0)} })
		case state.Dynamic:
			st.Tasks = define.Dynamic(run, "n", func(p params, i int) input { return input{first(p, i)} })
		case state.MatchPrevious:
			st.Tasks = define.MatchPrevious(run, func(_ params, i int) input { return input{i} })
		case state.FanIn:
			st.Tasks = define.FanIn(run, func(params) input { return input{} })
		case state.FanOut:
			st.Tasks = spec.fanOut(s)
		}

		d.Stages = append(d.Stages, st)
	}

	if spec.result {
		last := spec.stages[spec.last()].name
		d.Result = func(ctx context.Context, _ params, r define.Results) (any, error) {
			sum := 0

			for out, err := range define.Of[output](ctx, r, last) {
				if err != nil {
					return nil, err
				}

				sum += out.Value
			}

			return output{sum}, nil
		}
	}

	return define.Define(d)
}

// last returns the number of the last stage that is not a finally stage.
func (spec jobSpec) last() int {
	last := len(spec.stages) - 1
	for spec.stages[last].finally {
		last--
	}

	return last
}

func (s stageSpec) taskType() handlers.TaskType[input, output] {
	if s.emits {
		return emits
	}

	return work
}

// fanOut plans a task for each part if the source emits parts. Otherwise it
// makes the same inputs from each result.
func (spec jobSpec) fanOut(s stageSpec) define.Tasks[params] {
	from := spec.stages[s.source].name
	if spec.stages[s.source].emits {
		return define.FanOut(
			s.taskType(),
			define.FromParts[output](from),
			func(_ params, _ int, part output) iter.Seq[input] {
				return func(yield func(input) bool) { yield(input(part)) }
			},
		)
	}

	return define.FanOut(
		s.taskType(),
		define.From(from, work),
		func(_ params, _ int, r output) iter.Seq[input] {
			return func(yield func(input) bool) {
				for _, v := range planned(r.Value) {
					if !yield(input{v}) {
						return
					}
				}
			}
		},
	)
}

// first returns the input of a task that follows none. planned returns the
// inputs that are planned from a result.
func first(p params, i int) int { return 7*p.Seed + i }

func planned(value int) []int {
	inputs := make([]int, value%3)
	for k := range inputs {
		inputs[k] = 2*value + k
	}

	return inputs
}

// fate returns after how many failures a task completes, or that it never does.
func (spec jobSpec) fate(p params, stage string, index int) (failures int, never bool) {
	h := fnv.New32a()

	_, _ = fmt.Fprintf(h, "%d %s %d", p.Seed, stage, index)
	switch n := int(h.Sum32() >> 7 % 16); {
	case n < spec.bad:
		return 0, true
	case n >= 13:
		return n - 12, false // one to three: the third uses up the attempts
	}

	return 0, false
}

// tries is the number of attempts of a task.
const tries = 3

// run is the handler of every stage. If healed is set, no task fails.
func (spec jobSpec) run(ctx context.Context, t handlers.Task, in input, healed bool) (output, error) {
	p, err := handlers.Params[params](t)
	if err != nil {
		return output{}, err
	}

	s := spec.find(t.Stage)
	if failures, never := spec.fate(p, t.Stage, t.Index); !healed && (never || t.Failures < failures) {
		if s.emits { // parts of a failed attempt must never be visible
			if err := emit(ctx, t, -1); err != nil {
				return output{}, err
			}
		}

		switch {
		case never && t.Index%2 == 0:
			return output{}, handlers.Permanent(errors.New("never"))
		case t.Index%3 == 0:
			panic("now and then")
		}

		return output{}, errors.New("not yet")
	}

	out := output{in.Value + 1}

	switch s.kind {
	case state.MatchPrevious:
		prev, err := handlers.Predecessor[output](ctx, t)
		if err != nil {
			return output{}, err
		}

		out.Value += prev.Value
	case state.FanIn:
		for _, d := range s.deps {
			for r, err := range handlers.Results[output](ctx, t, spec.stages[d].name) {
				if err != nil {
					return output{}, err
				}

				out.Value += r.Value
			}
		}
	case state.Single, state.Dynamic, state.FanOut:
	}

	if s.emits {
		if err := emit(ctx, t, planned(out.Value)...); err != nil {
			return output{}, err
		}
	}

	return out, nil
}

// emit repeats each part until it is stored, like a handler that does not want
// to use up an attempt for a broken connection.
func emit(ctx context.Context, t handlers.Task, values ...int) error {
	for _, v := range values {
		for err := t.Emit(ctx, output{v}); err != nil; err = t.Emit(ctx, output{v}) {
			if state.CodeOf(err) != state.CodeUnavailable {
				return err
			}

			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}

	return nil
}
