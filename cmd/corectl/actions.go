package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// actFlags are the flags of every command that changes jobs.
type actFlags struct {
	ID     string   `arg:"" optional:"" help:"Job id, at least its first 4 digits, or @last."`
	Filter []string `sep:"none" placeholder:"NAME=VALUE" help:"All jobs that match: status, type, since, id, tag.NAME, param.NAME. Repeat for several: all must hold."`
	Yes    bool     `short:"y" help:"Skip the confirmation. Required without a terminal."`
	DryRun bool     `help:"Print what would happen, and change nothing."`
}

// start finds the job.
func (f actFlags) start(ctx context.Context, a *app) (view.JobView, error) {
	if f.ID == "" {
		return view.JobView{}, usagef("name a job, or select jobs with --filter, for example --filter status=failed.")
	}

	id, err := a.jobID(ctx, f.ID)
	if err != nil {
		return view.JobView{}, err
	}

	job, _, err := a.job(ctx, id)

	return job, err
}

type cancelCmd struct {
	actFlags
	Force bool `help:"End the job from any state, based on its rows. Use this if an ordinary cancel does not end it."`
}

// cancelPatience is how long a cancel waits for the end of the job. Running
// tasks have 5 s to stop, and recording the end takes a moment longer.
const cancelPatience = 30 * time.Second

// Run cancels the job and waits for its end.
func (c *cancelCmd) Run(ctx context.Context, a *app) error {
	query := url.Values(nil)
	if c.Force {
		query = url.Values{"force": {"true"}}
	}

	if len(c.Filter) > 0 {
		return bulk{
			verb: "cancel", done: "cancelled", statuses: []state.JobStatus{state.JobQueued, state.JobRunning},
			warning: "Queued tasks will not start, and running tasks are cancelled. Results are kept.",
			act:     post("/jobs/cancel/", query),
		}.run(ctx, a, c.actFlags)
	}

	job, err := c.start(ctx, a)
	if err != nil {
		return err
	}

	title := name(job, job.JobID)
	if job.Status.Ended() {
		return exitf(
			exitOther,
			"%s has already ended: %s. See `corectl status %s`.",
			title,
			job.Status,
			render.Handle(job.JobID),
		)
	}

	waiting := job.Tasks.Total - job.Tasks.Ended() - job.Tasks.Running
	numbers := fmt.Sprintf("%s not started, %s running.", have(waiting), are(job.Tasks.Running))

	verb := "cancel"
	if c.Force {
		verb = "force the cancel of"
		numbers += " It does not wait for handlers. A retry runs the stages that had not ended from the start."
	}

	if c.DryRun {
		a.hint("Would %s %s. %s", verb, title, numbers)
		return nil
	}

	question := fmt.Sprintf("%s %s? %s", strings.ToUpper(verb[:1])+verb[1:], title, numbers)
	if err := a.confirm(ctx, c.Yes, false, question); err != nil {
		return err
	}

	answer, err := a.api.Post(ctx, "/jobs/cancel/"+job.JobID.String(), query, nil)
	if err != nil {
		return a.orMissing(err, job.JobID)
	}

	if a.format != "table" {
		return a.one(answer.Body, job.JobID.String(), nil)
	}

	_, _ = fmt.Fprint(a.err, a.style.Own("cancelling… "))

	end, err := a.untilEnd(ctx, job.JobID, cancelPatience)
	if err != nil {
		_, _ = fmt.Fprintln(a.err)
		return err
	}

	if !end.Status.Ended() {
		a.hint("still %s: %s.", end.Status, are(end.Tasks.Running)+" running")
		return exitf(exitTimeout, "Follow it: `corectl status %s --watch`.", render.Handle(job.JobID))
	}

	a.hint(
		"%s. %s cancelled; %s kept.",
		end.Status,
		were(job.Tasks.Running, "running task"),
		results(end.Tasks.Completed),
	)

	return nil
}

func have(n int) string {
	if n == 1 {
		return "1 task has"
	}

	return render.Count(n) + " tasks have"
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}

	return render.Count(n) + " are"
}

func were(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}

	return render.Things(n, noun) + " were"
}

func results(n int) string {
	if n == 1 {
		return "1 result is"
	}

	return render.Things(n, "result") + " are"
}

// untilEnd reads the job until it has ended or the time limit expires.
func (a *app) untilEnd(ctx context.Context, id state.JobID, limit time.Duration) (view.JobView, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	var last view.JobView
	for {
		job, _, err := a.jobChange(limited, id, last.Version)
		if err == nil {
			last = job
			if !job.Status.Ended() {
				clock.Sleep(limited, askEvery)

				err = limited.Err()
			}
		}

		switch {
		case ctx.Err() != nil:
			return last, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return last, nil
		case err != nil || last.Status.Ended():
			return last, err
		}
	}
}

type retryCmd struct{ actFlags }

// Run retries the failed tasks.
func (c *retryCmd) Run(ctx context.Context, a *app) error {
	if len(c.Filter) > 0 {
		return bulk{
			verb: "retry", done: "retried",
			statuses: []state.JobStatus{state.JobFailed, state.JobCompletedWithErrors, state.JobCancelled},
			warning:  "Unfinished tasks run again as a new attempt.",
			act:      post("/jobs/retry/", nil),
		}.run(ctx, a, c.actFlags)
	}

	job, err := c.start(ctx, a)
	if err != nil {
		return err
	}

	title := name(job, job.JobID)

	open := job.Tasks.Failed + job.Tasks.Cancelled
	switch {
	case !job.Status.Ended():
		return exitf(exitOther, "%s has not ended: %s. Wait for it, or cancel it first.", title, job.Status)
	case job.Status == state.JobCompleted:
		return exitf(
			exitOther,
			"%s is completed: nothing to retry. To run the whole job again: `corectl submit %s --rerun`.",
			title,
			job.JobType,
		)
	}

	again := render.Things(open, "unfinished task")
	if job.Tasks.Cancelled == 0 {
		again = render.Things(job.Tasks.Failed, "failed task")
	}

	where := failedStages(job)
	if c.DryRun {
		a.hint("Would run %s of %s again%s.", again, title, where)
		return nil
	}

	if err := a.confirm(ctx, c.Yes, true, fmt.Sprintf("Run %s again%s?", again, where)); err != nil {
		return err
	}

	answer, err := a.api.Post(ctx, "/jobs/retry/"+job.JobID.String(), nil, nil)
	if err != nil {
		return a.orMissing(err, job.JobID)
	}

	remember(a.stateDir, recentJob{JobID: job.JobID, JobType: job.JobType, API: a.api.Base()})

	return a.one(answer.Body, job.JobID.String(), func() error {
		run, err := decode[view.Retried](answer)
		if err != nil {
			return err
		}

		a.hint("attempt %d of %s: %s queued · corectl status %s --watch", run.Attempt, render.Short(job.JobID),
			render.Things(run.Tasks, "task"), render.Handle(job.JobID))

		return nil
	})
}

func failedStages(job view.JobView) string {
	var names []string

	for _, stage := range job.Stages {
		if stage.Tasks.Failed > 0 {
			names = append(names, stage.Name)
		}
	}

	if len(names) == 0 {
		return ""
	}

	return " (" + strings.Join(names, ", ") + ")"
}

type deleteCmd struct{ actFlags }

// Run deletes a finished job.
func (c *deleteCmd) Run(ctx context.Context, a *app) error {
	if len(c.Filter) > 0 {
		return bulk{
			verb: "delete", done: "deleted", statuses: endedStatuses(),
			warning: "Their tasks and results are deleted too.",
			act: func(ctx context.Context, a *app, id state.JobID) error {
				_, err := a.api.Delete(ctx, "/jobs/"+id.String(), nil)
				return err
			},
		}.run(ctx, a, c.actFlags)
	}

	job, err := c.start(ctx, a)
	if err != nil {
		return err
	}

	title := name(job, job.JobID)
	if !job.Status.Ended() {
		return exitf(
			exitOther,
			"%s has not ended: %s. Cancel it first: `corectl cancel %s`.",
			title,
			job.Status,
			render.Handle(job.JobID),
		)
	}

	what := render.Things(job.Tasks.Total, "task")
	if c.DryRun {
		a.hint("Would delete %s with its %s and their results.", title, what)
		return nil
	}

	if err := a.confirm(
		ctx,
		c.Yes,
		false,
		fmt.Sprintf("Delete %s with its %s and their results?", title, what),
	); err != nil {
		return err
	}

	answer, err := a.api.Delete(ctx, "/jobs/"+job.JobID.String(), nil)
	if err != nil {
		return a.orMissing(err, job.JobID)
	}

	if a.format != "table" && (a.format == "name" || answer.Status != http.StatusNoContent) {
		return a.one(answer.Body, job.JobID.String(), nil)
	}

	a.hint("deleted %s.", title)

	return nil
}
