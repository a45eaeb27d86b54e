package coremachine_test

import (
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestTaskInputIsWhatTheHandlerGets compares the inputs that are computed for
// people with those of the handlers, whose results are their inputs.
func TestTaskInputIsWhatTheHandlerGets(t *testing.T) {
	t.Parallel()

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"inputs": jobOf(define.Stage[params]{Name: "first", Tasks: dynamic()}),
			"breaks": jobOf(define.Stage[params]{
				Name: "first",
				Tasks: define.Dynamic(work, "n", func(_ params, i int) workIn {
					if i == 1 {
						panic("no input")
					}

					return workIn{Value: i}
				}),
			}),
		},
		Handlers: handlersOf(echo, handlers.Attempts(1)),
	})
	id := e.Submit("inputs", `{"n":3}`)
	e.Wait(id).MustBe(t, state.JobCompleted)

	m := e.Process(0).Machine
	stage := state.StageShape{Name: "first", TaskType: string(work), Kind: state.Dynamic}

	for index, want := range e.Results(id, "first") {
		got, err := m.TaskInput(t.Context(), id, stage, index)
		if err != nil || string(got) != string(want) {
			t.Errorf("task %d: got %s, %v, want %s", index, got, err, want)
		}
	}

	other := stage
	other.TaskType = "other"
	_, err := m.TaskInput(t.Context(), id, other, 0)
	wantCode(t, "another task type", err, state.CodeDefinitionChanged)

	other.Name = "second"
	_, err = m.TaskInput(t.Context(), id, other, 0)
	wantCode(t, "an unknown stage", err, state.CodeDefinitionChanged)

	_, err = m.TaskInput(t.Context(), state.JobID{1}, stage, 0)
	wantCode(t, "an unknown job", err, state.CodeNotFound)

	broken := e.Submit("breaks", `{"n":2}`)
	e.Wait(broken)

	_, err = m.TaskInput(t.Context(), broken, stage, 1)
	wantCode(t, "a planner that panics", err, state.CodePlanner)
}
