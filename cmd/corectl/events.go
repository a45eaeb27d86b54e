package main

import (
	"context"
	"net/url"
	"strconv"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

type eventsCmd struct {
	ID     string `arg:"" help:"Job id, at least its first 4 digits, or @last."`
	Follow bool   `short:"f" help:"Follow the events until the job ends."`
	Limit  int    `default:"0" placeholder:"N" help:"Maximum number of items. 0: all."`
	moreFlags
}

// Run prints events, oldest first, as soon as each page is read.
func (c *eventsCmd) Run(ctx context.Context, a *app) error {
	id, err := a.jobID(ctx, c.ID)
	if err != nil {
		return err
	}

	events := listing{
		path: "/jobs/" + id.String() + "/events", query: url.Values{}, limit: c.Limit, moreFlags: c.moreFlags,
	}

	if !c.Follow {
		all := printer[view.EventView]{app: a, name: eventName, table: a.eventLines}

		next, err := all.list(ctx, events)
		if err == nil && next != "" {
			a.moreHint("more")
		}

		return a.orMissing(err, id)
	}

	if a.format == "json" {
		return usagef("--follow produces a stream: use -o jsonl instead of -o json.")
	}

	query, err := events.resume(a)
	if err != nil {
		return err
	}

	return a.followEvents(ctx, id, events.path, query)
}

// followEvents prints the existing events, then waits for the job to change and
// continues after the last event. The first reading after the end of the job is
// the last one, because the events were written in the transaction that ended
// it.
func (a *app) followEvents(ctx context.Context, id state.JobID, path string, query url.Values) error {
	stream := printer[view.EventView]{app: a, name: eventName}

	version := ""
	for {
		job, _, err := a.jobChange(ctx, id, version)
		if err != nil {
			return err
		}

		if _, err := everything(
			ctx,
			a,
			path,
			query,
			0,
			func(page client.Page[view.EventView], answer client.Answer) error {
				if page.NextCursor == "" && len(page.Items) > 0 {
					query.Set("after", eventName(page.Items[len(page.Items)-1]))
				}

				if a.format == "table" {
					return a.lines(a.eventLines(page.Items))
				}

				return stream.page(page.Items, answer)
			},
		); err != nil {
			return a.orMissing(err, id)
		}

		query.Del("cursor")

		if job.Status.Ended() {
			return nil
		}

		version = job.Version

		if !clock.Sleep(ctx, askEvery) {
			return ctx.Err()
		}
	}
}

func (a *app) eventLines(events []view.EventView) []string {
	return each(events, func(e view.EventView) string {
		if a.outTTY {
			return a.outStyle().Event(e)
		}

		return render.EventTabbed(e)
	})
}

func eventName(e view.EventView) string { return strconv.FormatInt(e.EventID, 10) }
