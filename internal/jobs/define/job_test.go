package define_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

type anything struct {
	V any `json:"v"`
}

const loose handlers.TaskType[anything, anything] = "loose"

// taking returns a job of one single task with the given input.
func taking(input func() any) define.Job {
	return declare(
		define.Stage[counted]{
			Name:  "a",
			Tasks: define.Single(loose, func(counted) anything { return anything{input()} }),
		},
	)
}

// missing returns a nil pointer whose type hides that it is nil.
func missing() *item { return nil }

func TestInput(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		input func() any
		want  state.Code
	}{
		{"fine", func() any { return "x" }, ""},
		{"as large as may be", func() any { return strings.Repeat("x", state.MaxInput-len(`{"v":""}`)) }, ""},
		{
			"one byte more",
			func() any { return strings.Repeat("x", state.MaxInput-len(`{"v":""}`)+1) },
			state.CodeInputTooLarge,
		},
		{
			"far too large",
			func() any { return strings.Repeat("x", 2*state.MaxResult) },
			state.CodeInputTooLarge,
		},
		{"panic", func() any { panic("boom") }, state.CodePlanner},
		{"nil dereference", func() any { return missing().Name }, state.CodePlanner},
		{"NaN", func() any { return math.NaN() }, state.CodePlanner},
		{"U+0000", func() any { return "a\x00" }, state.CodePlanner},
		{"no UTF-8", func() any { return "\xff" }, state.CodePlanner},
		{"no JSON", func() any { return func() {} }, state.CodePlanner},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			j := taking(tt.input)

			b, err := j.Input(parse(t, j, ""), 0, 0)
			if got := state.CodeOf(err); got != tt.want {
				t.Errorf("got code %q of %v, want %q", got, err, tt.want)
			}

			if (err == nil) != (len(b) > 0) {
				t.Errorf("got %d bytes and error %v", len(b), err)
			}
		})
	}
}

func TestInput_RejectsFanOutStages(t *testing.T) {
	t.Parallel()

	j := everyKind()
	if _, err := j.Input(parse(t, j, ""), 3, 0); state.CodeOf(err) != state.CodePlanner {
		t.Errorf("got %v, want code %q", err, state.CodePlanner)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()

	j := everyKind()

	p := parse(t, j, `{"n":7}`)
	for stage, want := range []int{1, 7, -1, -1, -1, 1} {
		if got := j.Count(p, stage); got != want {
			t.Errorf("stage %d: got %d, want %d", stage, got, want)
		}
	}
}

func TestCount_StaysWithinTheIndexRange(t *testing.T) {
	t.Parallel()

	type wide struct {
		N int64 `json:"n"`
	}

	j := define.Define(define.Definition[wide]{Stages: []define.Stage[wide]{counts[wide]()}})
	for body, want := range map[string]int{`{"n":-5}`: 0, `{"n":9007199254740991}`: define.MaxTasks} {
		if got := j.Count(parse(t, j, body), 0); got != want {
			t.Errorf("%s: got %d, want %d", body, got, want)
		}
	}
}

func TestSkip(t *testing.T) {
	t.Parallel()

	j := declare(
		define.Stage[counted]{Name: "a", Tasks: single(), SkipIf: func(p counted) bool { return p.N == 0 }},
		define.Stage[counted]{Name: "b", Tasks: single()},
	)
	for body, want := range map[string]bool{`{"n":0}`: true, `{"n":1}`: false} {
		p := parse(t, j, body)
		if got := j.Skip(p, 0); got != want {
			t.Errorf("%s: got %t, want %t", body, got, want)
		}

		if j.Skip(p, 1) {
			t.Errorf("%s: a stage without a condition is skipped", body)
		}
	}
}

func TestSkip_PanicRejectsTheParameters(t *testing.T) {
	t.Parallel()

	j := declare(
		define.Stage[counted]{Name: "a", Tasks: single(), SkipIf: func(counted) bool { panic("boom") }},
	)

	_, err := j.Parse(nil)
	if got := state.CodeOf(err); got != state.CodePlanner {
		t.Errorf("got %v, want code %q", err, state.CodePlanner)
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	tests := []struct {
		name  string
		check func(context.Context, counted, handlers.Deps) error
		want  state.Code
	}{
		{"none", nil, ""},
		{"passes", func(context.Context, counted, handlers.Deps) error { return nil }, ""},
		{
			"names a field",
			func(context.Context, counted, handlers.Deps) error { return define.Field("n", "3 is taken: use 4") },
			state.CodeInvalid,
		},
		{
			"any error",
			func(context.Context, counted, handlers.Deps) error { return errors.New("no such container") },
			state.CodeInvalid,
		},
		{
			"a code of its own",
			func(context.Context, counted, handlers.Deps) error { return state.Errorf(state.CodeBusy, "x", "y") },
			state.CodeBusy,
		},
		{
			"out of time",
			func(ctx context.Context, _ counted, _ handlers.Deps) error { return ctx.Err() },
			state.CodeUnavailable,
		},
		{"panic", func(context.Context, counted, handlers.Deps) error { panic("boom") }, state.CodePlanner},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			j := define.Define(define.Definition[counted]{Preflight: tt.check})

			err := j.Preflight(cancelled, parse(t, j, ""), handlers.Deps{})
			if got := state.CodeOf(err); got != tt.want {
				t.Errorf("got code %q of %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestResult(t *testing.T) {
	t.Parallel()

	away := state.Errorf(state.CodeUnavailable, "x", "the database is away")

	tests := []struct {
		name   string
		result func(context.Context, counted, define.Results) (any, error)
		want   state.Code
	}{
		{"none", nil, state.CodePlanner},
		{"fine", func(context.Context, counted, define.Results) (any, error) { return item{"x"}, nil }, ""},
		{
			"null",
			func(context.Context, counted, define.Results) (any, error) { return nil, nil },
			"",
		}, //nolint:nilnil // nil is what is tested
		{
			"fails",
			func(context.Context, counted, define.Results) (any, error) { return nil, errors.New("x") },
			state.CodePlanner,
		},
		{
			"passes errors of reading on",
			func(context.Context, counted, define.Results) (any, error) { return nil, away },
			state.CodeUnavailable,
		},
		{
			"panic",
			func(context.Context, counted, define.Results) (any, error) { panic("boom") },
			state.CodePlanner,
		},
		{
			"NaN",
			func(context.Context, counted, define.Results) (any, error) { return math.NaN(), nil },
			state.CodePlanner,
		},
		{
			"U+0000",
			func(context.Context, counted, define.Results) (any, error) { return "\x00", nil },
			state.CodePlanner,
		},
		{"as large as may be", func(context.Context, counted, define.Results) (any, error) {
			return strings.Repeat("x", state.MaxResult-2), nil
		}, ""},
		{"too large", func(context.Context, counted, define.Results) (any, error) {
			return strings.Repeat("x", state.MaxResult-1), nil
		}, state.CodeResultTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			j := define.Define(define.Definition[counted]{Result: tt.result})
			if got, want := j.HasResult(), tt.result != nil; got != want {
				t.Errorf("HasResult: got %t, want %t", got, want)
			}

			_, err := j.Result(t.Context(), parse(t, j, ""), storedResults{})
			if got := state.CodeOf(err); got != tt.want {
				t.Errorf("got code %q of %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestResult_ReadsResultsAndParts(t *testing.T) {
	t.Parallel()

	stored := storedResults{
		{Index: 0, Part: 0, Data: []byte(`{"name":"p0"}`)},
		{Index: 0, Part: 1, Data: []byte(`{"name":"p1"}`)},
		{Index: 0, Part: -1, Data: []byte(`{"name":"r0"}`)},
		{Index: 1, Part: -1, Data: []byte(`{"name":"r1","newer":1}`)},
	}
	read := func(ctx context.Context, _ counted, r define.Results) (any, error) {
		var all []string

		for _, of := range []iter.Seq2[item, error]{define.Of[item](ctx, r, "a"), define.PartsOf[item](ctx, r, "a")} {
			for i, err := range of {
				if err != nil {
					return nil, err
				}

				all = append(all, i.Name)
			}
		}

		return all, nil
	}
	j := define.Define(define.Definition[counted]{Result: read})

	got, err := j.Result(t.Context(), parse(t, j, ""), stored)
	if want := `["r0","r1","p0","p1"]`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}

	stored[2].Data = []byte(`{"name":7}`)
	if _, err := j.Result(t.Context(), parse(t, j, ""), stored); state.CodeOf(err) != state.CodePermanent {
		t.Errorf("a result of another type: got %v, want code %q", err, state.CodePermanent)
	}
}
