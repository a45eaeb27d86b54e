package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

type watchFlags struct {
	Timeout     time.Duration `placeholder:"DURATION" help:"Stop watching after this time (exit code 6). The job continues."`
	AllowErrors bool          `help:"When watching: exit with 0 if the job is completed_with_errors."`
}

const (
	redrawEvery = 200 * time.Millisecond // interval between frames
	pulseEvery  = 10 * time.Second       // interval between plain lines
	askEvery    = 150 * time.Millisecond // minimum interval between requests while the job changes
	patience    = time.Minute            // time limit for an unreachable API during a watch
)

// seen is one reading of a watched job.
type seen struct {
	job view.JobView
	raw []byte
	err error
}

// watch follows a job to its end and returns the error for the exit code.
func (a *app) watch(ctx context.Context, id state.JobID, flags watchFlags) error {
	job, err := a.follow(ctx, id, flags.Timeout)
	switch {
	case errors.Is(err, errPatience):
		return exitf(
			exitTimeout,
			"Stopped watching after %s. %s continues: `corectl status %s --watch`.",
			flags.Timeout,
			name(job, id),
			render.Handle(id),
		)
	case errors.Is(err, context.Canceled):
		return exitf(
			exitInterrupted,
			"Stopped watching. %s continues: `corectl status %s --watch`. To cancel it: `corectl cancel %s`.",
			name(job, id),
			render.Handle(id),
			render.Handle(id),
		)
	case err != nil:
		return err
	}

	return ended(job.Status, flags.AllowErrors)
}

var errPatience = errors.New("the watch timed out")

func name(job view.JobView, id state.JobID) string {
	if job.JobType == "" {
		return render.Short(id)
	}

	return job.JobType + " " + render.Short(id)
}

// follow shows the job until it ends. It returns the last reading, also with an
// error.
func (a *app) follow(ctx context.Context, id state.JobID, timeout time.Duration) (view.JobView, error) {
	readings, stop := a.readings(ctx, id)
	defer stop()

	var expired <-chan time.Time

	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()

		expired = timer.C
	}

	screen := a.screen()

	tick := time.NewTicker(screen.every())
	defer tick.Stop()

	var last view.JobView

	for {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-expired:
			return last, errPatience
		case <-tick.C:
			screen.tick()
		case r := <-readings:
			if r.err != nil {
				return last, r.err
			}

			last = r.job
			if err := screen.show(ctx, r); err != nil || last.Status.Ended() {
				return last, err
			}
		}
	}
}

// readings reads the job in its own goroutine, so that frames are redrawn while
// a request is pending. stop ends the goroutine and waits for it.
func (a *app) readings(ctx context.Context, id state.JobID) (<-chan seen, func()) {
	ctx, cancel := context.WithCancel(ctx)

	out, done := make(chan seen), make(chan struct{})
	go func() {
		defer close(done)

		version, awaySince := "", time.Time{}
		for {
			job, answer, err := a.jobChange(ctx, id, version)
			switch {
			case err == nil:
				awaySince = time.Time{}
			case version != "" && client.Transient(err):
				if awaySince.IsZero() {
					awaySince = time.Now()
				}

				if time.Since(awaySince) < patience && clock.Sleep(ctx, time.Second) {
					continue
				}
			}

			select {
			case out <- seen{job: job, raw: answer.Body, err: err}:
			case <-ctx.Done():
				return
			}

			if err != nil || job.Status.Ended() || !clock.Sleep(ctx, askEvery) {
				return
			}

			version = job.Version
		}
	}()

	return out, func() { cancel(); <-done }
}

// firstFailure finds the task to name when a stage has its first failure.
func (a *app) firstFailure(ctx context.Context, id state.JobID, stage string) (view.TaskSummary, bool) {
	query := url.Values{"status": {"failed"}, "stage": {stage}, "limit": {"1"}}

	page, _, err := list[view.TaskSummary](ctx, a, fmt.Sprintf("/jobs/%s/tasks", id), query)
	if err != nil || len(page.Items) == 0 {
		return view.TaskSummary{}, false
	}

	return page.Items[0], true
}
