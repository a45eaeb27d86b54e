package handlers

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
)

func TestEmit(t *testing.T) {
	t.Parallel()

	refused := errors.New("the attempt is over")

	tests := []struct {
		name string
		part any
		emit func(context.Context, []byte) error
		want state.Code
	}{
		{"stored", doubled{1}, func(context.Context, []byte) error { return nil }, ""},
		{
			"refused by the engine",
			doubled{1},
			func(context.Context, []byte) error { return refused },
			state.CodeInternal,
		},
		{"nowhere to", doubled{1}, nil, state.CodePermanent},
		{
			"another type than declared",
			7,
			func(context.Context, []byte) error { return nil },
			state.CodePermanent,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			h := Func(
				func(ctx context.Context, task Task, _ struct{}) (int, error) { return 1, task.Emit(ctx, tt.part) },
				Emits[doubled](),
			)

			_, err := h.Run(t.Context(), NewTask(TaskSpec{Emit: tt.emit}), nil)
			if got := state.CodeOf(err); got != tt.want {
				t.Errorf("got code %q of %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestEmit_ChecksParts(t *testing.T) {
	t.Parallel()

	var stored []string

	task := NewTask(TaskSpec{Emit: func(_ context.Context, b []byte) error {
		stored = append(stored, string(b))
		return nil
	}})
	for part, want := range map[any]state.Code{
		"\x00":                                 state.CodeInvalidResult,
		math.NaN():                             state.CodeInvalidResult,
		strings.Repeat("x", state.MaxResult-1): state.CodeResultTooLarge,
		"fine":                                 "",
	} {
		if got := state.CodeOf(task.Emit(t.Context(), part)); got != want {
			t.Errorf("%.10v: got code %q, want %q", part, got, want)
		}
	}

	if diff := cmp.Diff([]string{`"fine"`}, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()

	var (
		fractions []float64
		notes     []string
	)

	task := NewTask(
		TaskSpec{
			Progress: func(f float64, note string) { fractions, notes = append(fractions, f), append(notes, note) },
		},
	)
	for _, f := range []float64{-1, 0.5, 7, math.NaN(), math.Inf(1)} {
		task.Progress(f, "a\x00b")
	}

	if diff := cmp.Diff([]float64{0, 0.5, 1, 0, 1}, fractions); diff != "" {
		t.Errorf("fractions (-want +got):\n%s", diff)
	}

	if notes[0] != "a\uFFFDb" {
		t.Errorf("got note %q", notes[0])
	}

	NewTask(TaskSpec{}).Progress(1, "ignored")
}

func TestParams(t *testing.T) {
	t.Parallel()

	got, err := Params[doubled](NewTask(TaskSpec{Params: []byte(`{"n":3,"other":true}`)}))
	if err != nil || got.N != 3 {
		t.Errorf("got %+v, %v", got, err)
	}

	if _, err := Params[doubled](NewTask(TaskSpec{Params: []byte(`{"n":"x"}`)})); !IsPermanent(err) {
		t.Errorf("got %v, want a permanent error", err)
	}
}

func TestPredecessor(t *testing.T) {
	t.Parallel()

	away := state.Errorf(state.CodeUnavailable, "x", "the database is away")

	tests := []struct {
		name    string
		lineage Lineage
		want    state.Code
	}{
		{"there", storedResults{all: []StoredResult{{Data: []byte(`{"n":4,"newer":1}`)}}}, ""},
		{
			"of another type",
			storedResults{all: []StoredResult{{Data: []byte(`{"n":"x"}`)}}},
			state.CodePermanent,
		},
		{"cannot be read now", storedResults{err: away}, state.CodeUnavailable},
		{"not declared", nil, state.CodePermanent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := Predecessor[doubled](t.Context(), NewTask(TaskSpec{Lineage: tt.lineage}))
			if code := state.CodeOf(err); code != tt.want || (err == nil && got.N != 4) {
				t.Errorf("got %+v, %v, want code %q", got, err, tt.want)
			}
		})
	}
}

func TestResults(t *testing.T) {
	t.Parallel()

	away := state.Errorf(state.CodeUnavailable, "x", "the database is away")
	stored := storedResults{all: []StoredResult{
		{Part: 0, Data: []byte(`{"n":1}`)},
		{Part: 1, Data: []byte(`{"n":2}`)},
		{Part: -1, Data: []byte(`{"n":3}`)},
		{Index: 1, Part: -1, Data: []byte(`{"n":4}`)},
	}}
	broken := storedResults{all: []StoredResult{{Part: -1, Data: []byte(`{"n":3}`)}}, err: away}
	mistyped := storedResults{
		all: []StoredResult{{Part: -1, Data: []byte(`[]`)}, {Part: -1, Data: []byte(`{"n":3}`)}},
	}
	read := func(l Lineage, parts bool) (got []int, code state.Code) {
		task := NewTask(TaskSpec{Lineage: l})

		results := Results[doubled](t.Context(), task, "a")
		if parts {
			results = Parts[doubled](t.Context(), task, "a")
		}

		for r, err := range results {
			if err != nil {
				code = state.CodeOf(err)
				continue
			}

			got = append(got, r.N)
		}

		return got, code
	}

	tests := []struct {
		name    string
		lineage Lineage
		parts   bool
		want    []int
		code    state.Code
	}{
		{"results", stored, false, []int{3, 4}, ""},
		{"parts", stored, true, []int{1, 2}, ""},
		{"cut off", broken, false, []int{3}, state.CodeUnavailable},
		{"ends after a bad one", mistyped, false, nil, state.CodePermanent},
		{"not declared", nil, false, nil, state.CodePermanent},
		{"parts, not declared", nil, true, nil, state.CodePermanent},
	}
	for _, tt := range tests {
		got, code := read(tt.lineage, tt.parts)
		if diff := cmp.Diff(tt.want, got); diff != "" || code != tt.code {
			t.Errorf("%s: code %q, want %q; (-want +got):\n%s", tt.name, code, tt.code, diff)
		}
	}

	for r, err := range Results[doubled](t.Context(), NewTask(TaskSpec{Lineage: stored}), "a") {
		if err != nil || r.N != 3 {
			t.Errorf("got %+v, %v", r, err)
		}

		break // a reader may stop early
	}
}
