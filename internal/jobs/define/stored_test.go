package define_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

type storedInner struct {
	A int `json:"a"`
}

type storedParams struct {
	N     int         `json:"n"     default:"3" validate:"min=1,max=9"`
	Unit  string      `json:"unit"  default:"metre"`
	Inner storedInner `json:"inner"`
}

type storedRequired struct {
	N      int    `json:"n"      default:"3"`
	Region string `json:"region" validate:"required"`
}

func TestParseStored(t *testing.T) {
	t.Parallel()

	job := define.Define(define.Definition[storedParams]{})

	p, err := job.ParseStored([]byte(`{"gone":[1,{"x":null}],"inner":{"a":2,"b":3},"n":4}`))
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(`{"inner":{"a":2},"n":4,"unit":"metre"}`, string(p.Canonical)); diff != "" {
		t.Error(diff)
	}

	if _, err := job.Parse([]byte(`{"gone":1}`)); state.CodeOf(err) != state.CodeInvalid {
		t.Errorf("Parse of a parameter that is not declared: %v, want %s", err, state.CodeInvalid)
	}
}

func TestParseStored_NamesInvalidFields(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		job    define.Job
		stored string
		field  string
	}{
		{define.Define(define.Definition[storedRequired]{}), `{"n":1}`, "region"},
		{define.Define(define.Definition[storedParams]{}), `{"n":10}`, "n"},
		{define.Define(define.Definition[storedParams]{}), `{"n":"four"}`, "n"},
	} {
		_, err := tt.job.ParseStored([]byte(tt.stored))

		known, ok := errors.AsType[*state.Error](err)
		if !ok || len(known.Fields) != 1 || known.Fields[0].Field != tt.field {
			t.Errorf("ParseStored(%s) = %v, want an error on the field %s", tt.stored, err, tt.field)
		}
	}
}

// TestParseStored_DoesNotEvaluateSkipConditions has a condition that panics.
// The condition was evaluated when the job was submitted.
func TestParseStored_DoesNotEvaluateSkipConditions(t *testing.T) {
	t.Parallel()

	job := define.Define(define.Definition[storedParams]{Stages: []define.Stage[storedParams]{
		{
			Name:   "one",
			SkipIf: func(storedParams) bool { panic("asked") },
			Tasks: define.Single(
				handlers.TaskType[storedInner, storedInner]("one"),
				func(storedParams) storedInner { return storedInner{} },
			),
		},
	}})
	if _, err := job.ParseStored([]byte(`{"n":4}`)); err != nil {
		t.Error(err)
	}
}
