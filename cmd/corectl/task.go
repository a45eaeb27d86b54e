package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// oneTask names a task of a job.
type oneTask struct {
	ID    string `arg:"" help:"Job id, at least its first 4 digits, or @last."`
	Stage string `arg:"" help:"Name of the stage."`
	Index int    `arg:"" help:"Index of the task, from 0."`
}

type taskCmd struct {
	oneTask
	Input  string `placeholder:"FILE" help:"Write the input to a file. -: standard output."`
	Result string `placeholder:"FILE" help:"Write the result to a file. -: standard output."`
}

// Run shows one task: its state, every attempt, input, result and last lines of
// the log.
func (c *taskCmd) Run(ctx context.Context, a *app) error {
	id, err := c.find(ctx, a)
	if err != nil {
		return err
	}

	answer, err := c.get(ctx, a, id, "")
	if err != nil {
		return err
	}

	task, err := decode[view.TaskView](answer)
	if err != nil {
		return err
	}

	if c.Input != "" || c.Result != "" {
		return c.save(a, task)
	}

	return a.one(answer.Body, c.name(), func() error {
		if !a.outTTY {
			return a.lines(render.TaskTabbed(task))
		}

		lines := a.outStyle().Task(task, a.budgets(ctx, id), a.now())

		answer, err := c.get(ctx, a, id, "/logs")
		if err != nil {
			return err
		}

		logs, err := decode[client.Page[view.TaskLogView]](answer)
		if err != nil {
			return err
		}

		// The last attempt is the first.
		if len(logs.Items) > 0 {
			lines = append(lines, a.outStyle().Log(logs.Items[0], task.TryOf(logs.Items[0].Attempt), lastLines)...)
			lines = append(lines, a.style.Own("all lines: corectl logs "+render.Handle(id)+" "+
				render.Style{}.Plain(c.Stage)+" "+strconv.Itoa(c.Index)))
		}

		return a.lines(lines)
	})
}

// lastLines is the number of log lines that a task shows.
const lastLines = 10

func (c oneTask) name() string { return c.Stage + "/" + strconv.Itoa(c.Index) }

// find returns the id of the job, and checks the index.
func (c oneTask) find(ctx context.Context, a *app) (state.JobID, error) {
	id, err := a.jobID(ctx, c.ID)
	if err == nil && c.Index < 0 {
		err = usagef("invalid index %d: the index of a task is a number of at least 0.", c.Index)
	}

	return id, err
}

func (c oneTask) path(id state.JobID) string {
	return "/jobs/" + id.String() + "/tasks/" + url.PathEscape(c.Stage) + "/" + strconv.Itoa(c.Index)
}

// get reads the task, or what is below it.
func (c oneTask) get(ctx context.Context, a *app, id state.JobID, below string) (client.Answer, error) {
	answer, err := a.api.Get(ctx, c.path(id)+below, nil)
	if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Status != http.StatusNotFound {
		return answer, err
	}

	// The job, the stage or the task does not exist. Of the first two, knownStage
	// lists what does.
	if missing := a.knownStage(ctx, id, c.Stage); missing != nil {
		return answer, missing
	}

	return answer, exitf(exitNotFound, "The stage %s of %s has no task %d.", c.Stage, render.Short(id), c.Index)
}

// save writes the input or the result, as the API returned it.
func (c *taskCmd) save(a *app, task view.TaskView) error {
	for _, one := range []struct {
		path, what string
		data       json.RawMessage
	}{{c.Input, "input", task.Input}, {c.Result, "result", task.Result}} {
		if one.path == "" {
			continue
		}

		if len(one.data) == 0 || string(one.data) == "null" {
			why := ""
			if one.what == "input" && task.InputError != "" {
				why = ": " + task.InputError
			}

			return exitf(exitNotFound, "The task %s has no %s%s.", c.name(), one.what, why)
		}

		if one.path == "-" {
			if err := a.lines([]string{string(one.data)}); err != nil {
				return err
			}

			continue
		}

		if err := os.WriteFile(one.path, append(slices.Clone(one.data), '\n'), 0o600); err != nil {
			return exitf(exitOther, "cannot write the %s: %v", one.what, err)
		}

		a.hint("%s: %d bytes in %s", one.what, len(one.data), one.path)
	}

	return nil
}

type logsCmd struct{ oneTask }

// Run prints the log lines of a task, oldest first, so that the last ones are at
// the end of the screen.
func (c *logsCmd) Run(ctx context.Context, a *app) error {
	id, err := c.find(ctx, a)
	if err != nil {
		return err
	}

	answer, err := c.get(ctx, a, id, "/logs")
	if err != nil {
		return err
	}

	var task view.TaskView
	if a.outTTY {
		task = c.known(ctx, a, id)
	}

	all := printer[view.TaskLogView]{
		app:  a,
		name: func(l view.TaskLogView) string { return c.name() + "/" + strconv.Itoa(l.Attempt) },
		table: func(logs []view.TaskLogView) []string {
			var lines []string

			for _, log := range slices.Backward(logs) {
				if a.outTTY {
					lines = append(lines, a.outStyle().Log(log, task.TryOf(log.Attempt), 0)...)
				} else {
					lines = append(lines, render.LogTabbed(log)...)
				}
			}

			return lines
		},
	}
	if err := all.whole(answer); err != nil || all.count > 0 || a.format != "table" {
		return err
	}

	a.hint("No lines are kept of this task. Those of attempts that succeed are kept only with " +
		"KeepLogs: true in the definition of the job, or TASK_LOGS=all. See the log of the process.")

	if link := c.known(ctx, a, id).TraceURL; link != "" {
		a.hint("log system: %s", render.Style{}.Plain(link))
	}

	return nil
}

// known reads the task for what only adds to the answer. If that fails, the task
// is empty.
func (c oneTask) known(ctx context.Context, a *app, id state.JobID) view.TaskView {
	answer, err := a.api.Get(ctx, c.path(id), nil)
	if err != nil {
		return view.TaskView{}
	}

	task, err := decode[view.TaskView](answer)
	if err != nil {
		return view.TaskView{}
	}

	return task
}
