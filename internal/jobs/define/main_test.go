package define_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"go.uber.org/goleak"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Task types that the declarations of these tests use.
const (
	list    handlers.TaskType[none, listing] = "list"
	work    handlers.TaskType[item, item]    = "work"
	gather  handlers.TaskType[none, item]    = "gather"
	another handlers.TaskType[item, none]    = "another"
)

type none struct{}

type listing struct {
	Names []string `json:"names"`
}

type item struct {
	Name string `json:"name"`
}

type counted struct {
	N int `json:"n" default:"3" validate:"min=0,max=100"`
}

func noInput(counted) none           { return none{} }
func itemOf(_ counted, _ int) item   { return item{Name: "x"} }
func single() define.Tasks[counted]  { return define.Single(gather, noInput) }
func dynamic() define.Tasks[counted] { return define.Dynamic(work, "n", itemOf) }

func names(_ counted, _ int, l listing) iter.Seq[item] {
	return func(yield func(item) bool) {
		for _, n := range l.Names {
			if !yield(item{Name: n}) {
				return
			}
		}
	}
}

// declare returns a job with one parameter, n, and some stages.
func declare(stages ...define.Stage[counted]) define.Job {
	return define.Define(define.Definition[counted]{Description: "a test", Stages: stages})
}

func parse(t *testing.T, j define.Job, body string) define.Params {
	t.Helper()

	p, err := j.Parse([]byte(body))
	if err != nil {
		t.Fatalf("Parse(%s): %v", body, err)
	}

	return p
}

// fieldsOf returns the invalid fields with their messages.
func fieldsOf(t *testing.T, err error) map[string]string {
	t.Helper()

	if got := state.CodeOf(err); got != state.CodeInvalid {
		t.Fatalf("got code %q of %v, want %q", got, err, state.CodeInvalid)
	}

	var e *state.Error
	errors.As(err, &e)

	fields := map[string]string{}
	for _, f := range e.Fields {
		fields[f.Field] = f.Message
	}

	return fields
}

// storedResults is a lineage that has the same results for every stage.
type storedResults []handlers.StoredResult

func (s storedResults) Predecessor(context.Context) ([]byte, error) { return s[0].Data, nil }

func (s storedResults) Results(context.Context, string) iter.Seq2[handlers.StoredResult, error] {
	return func(yield func(handlers.StoredResult, error) bool) {
		for _, r := range s {
			if !yield(r, nil) {
				return
			}
		}
	}
}
