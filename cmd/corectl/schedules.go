package main

import (
	"context"
	"net/http"
	"net/url"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

type schedulesCmd struct {
	List     schedulesListCmd     `cmd:"" help:"List schedules and their next slots."`
	Show     schedulesShowCmd     `cmd:"" help:"Show a schedule, its next slots and what became of its last ones."`
	Pause    schedulesPauseCmd    `cmd:"" help:"Pause a schedule."`
	Resume   schedulesResumeCmd   `cmd:"" help:"Resume a schedule at its next slot."`
	Trigger  schedulesTriggerCmd  `cmd:"" help:"Start the job of a schedule now."`
	Backfill schedulesBackfillCmd `cmd:"" help:"Start the jobs of past slots that have none."`
}

type schedulesListCmd struct{}

// Run lists all schedules.
func (c *schedulesListCmd) Run(ctx context.Context, a *app) error {
	page, answer, err := list[view.ScheduleView](ctx, a, "/schedules", nil)
	if err != nil {
		return err
	}

	all := printer[view.ScheduleView]{app: a, name: func(s view.ScheduleView) string { return s.Name }}
	if a.format != "table" {
		return all.whole(answer)
	}

	if len(page.Items) == 0 {
		a.hint("No schedules: the running build declares none.")
		return nil
	}

	if !a.outTTY {
		return a.lines(render.SchedulesTabbed(page.Items))
	}

	return a.lines(a.outStyle().Schedules(page.Items, a.now()))
}

// scheduleArg names a schedule.
type scheduleArg struct {
	Name string `arg:"" help:"Name of the schedule."`
}

func (c scheduleArg) path(verb string) string { return "/schedules/" + url.PathEscape(c.Name) + verb }

// shown prints an answer that is a schedule.
func (c scheduleArg) shown(a *app, answer client.Answer) error {
	return a.one(answer.Body, c.Name, func() error {
		found, err := decode[view.ScheduleDetail](answer)
		if err != nil {
			return err
		}

		return a.lines(a.outStyle().Schedule(found, a.now()))
	})
}

type schedulesShowCmd struct{ scheduleArg }

// Run shows one schedule.
func (c *schedulesShowCmd) Run(ctx context.Context, a *app) error {
	answer, err := a.api.Get(ctx, c.path(""), nil)
	if err != nil {
		return err
	}

	return c.shown(a, answer)
}

type schedulesPauseCmd struct{ scheduleArg }

// Run pauses a schedule.
func (c *schedulesPauseCmd) Run(ctx context.Context, a *app) error {
	answer, err := a.api.Post(ctx, c.path("/pause"), nil, nil)
	if err != nil {
		return err
	}

	return c.shown(a, answer)
}

type schedulesResumeCmd struct{ scheduleArg }

// Run resumes a schedule.
func (c *schedulesResumeCmd) Run(ctx context.Context, a *app) error {
	answer, err := a.api.Post(ctx, c.path("/resume"), nil, nil)
	if err != nil {
		return err
	}

	return c.shown(a, answer)
}

type schedulesTriggerCmd struct {
	scheduleArg
	Key string `placeholder:"KEY" help:"Start at most one job for this key, also if the command is repeated."`
}

// Run starts the job of a schedule, and prints its id.
func (c *schedulesTriggerCmd) Run(ctx context.Context, a *app) error {
	query := url.Values{}
	if c.Key != "" {
		query.Set("key", c.Key)
	}

	answer, err := a.api.Post(ctx, c.path("/trigger"), query, nil)
	if err != nil {
		return err
	}

	done, err := decode[view.JobRef](answer)
	if err != nil {
		return err
	}

	return a.one(answer.Body, done.JobID.String(), func() error {
		verb := "started"
		if answer.Status == http.StatusOK {
			verb = "had started"
		}

		a.hint("%s %s %s · corectl status %s --watch", a.style.Plain(c.Name), verb, render.Short(done.JobID),
			render.Handle(done.JobID))

		return a.lines([]string{done.JobID.String()})
	})
}

type schedulesBackfillCmd struct {
	scheduleArg
	From  string `required:"" placeholder:"TIME" help:"The first slot is at this time or later, for example 2026-01-31T00:00:00Z."`
	Until string `required:"" placeholder:"TIME" help:"The slots are before this time, which is not in the future."`
}

// Run starts the jobs of past slots.
func (c *schedulesBackfillCmd) Run(ctx context.Context, a *app) error {
	answer, err := a.api.Post(ctx, c.path("/backfill"), url.Values{"from": {c.From}, "until": {c.Until}}, nil)
	if err != nil {
		return err
	}

	return a.one(answer.Body, c.Name, func() error {
		done, err := decode[state.Backfilled](answer)
		if err != nil {
			return err
		}

		a.hint("%s in the range, %s started.", render.Things(done.Slots, "slot"), render.Things(done.Created, "job"))

		return nil
	})
}
