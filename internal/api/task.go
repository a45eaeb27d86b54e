package api

import (
	"context"
	"errors"
	"net/http"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Inputs computes the inputs of tasks that are not stored. coremachine.Machine
// implements it.
type Inputs interface {
	TaskInput(ctx context.Context, id state.JobID, stage state.StageShape, index int) ([]byte, error)
}

// FillInput computes the input of a task if it is not stored. If this build
// cannot, the task says why.
func FillInput(ctx context.Context, in Inputs, task *view.TaskView) {
	if in == nil || !task.InputComputed {
		return
	}

	stage := state.StageShape{Name: task.Stage, TaskType: task.TaskType, Kind: task.Kind}

	input, err := in.TaskInput(ctx, task.JobID, stage, task.Index)
	if err != nil {
		task.InputError = "the input could not be computed"
		if known, ok := errors.AsType[*state.Error](err); ok {
			task.InputError = known.Msg
		}

		return
	}

	task.Input = input
}

// maxIndex is the maximum index of a task.
const maxIndex = 1<<31 - 1

// taskOf reads which task a path names.
func taskOf(r *http.Request) (id state.JobID, stage string, index int, err error) {
	id, err = jobID(r)
	q := readQuery(r)
	stage = segment(q, r, "stage")

	n, ok := whole(param(r, "index"), 0, maxIndex)
	if !ok {
		q.wrong("index", "%q is not a number from 0 to %d", state.Excerpt(param(r, "index")), maxIndex)
	}

	if err = errors.Join(err, q.err()); err != nil {
		return id, "", 0, merge(err)
	}

	return id, stage, int(n), nil
}

func (a *API) task(w http.ResponseWriter, r *http.Request) {
	id, stage, index, err := taskOf(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	task, err := a.Reader.ReadTask(r.Context(), id, stage, index)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	FillInput(r.Context(), a.Inputs, &task)
	a.TraceURL.Link(&task)
	a.ok(w, r, task)
}

// taskLogs answers the log lines of a task that are kept, by attempt.
func (a *API) taskLogs(w http.ResponseWriter, r *http.Request) {
	id, stage, index, err := taskOf(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	logs, err := a.Reader.ReadTaskLogs(r.Context(), id, stage, index)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[view.TaskLogView]{Items: logs})
}
