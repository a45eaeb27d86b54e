package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

type dlqCmd struct {
	List    dlqListCmd    `cmd:"" help:"Count dead letters by queue and reason, or list those of one queue."`
	Redrive dlqRedriveCmd `cmd:"" help:"Send dead letters again, and drop those that are no longer needed."`
}

type dlqListCmd struct {
	Queue string `arg:"" optional:"" help:"List the dead letters of this queue."`
	pageFlags
}

func knownQueue(name string) error {
	if _, err := state.ParseQueue(name); err != nil {
		names := each(state.Queues, state.Queue.String)

		return exitf(
			exitNotFound,
			"No queue %q.%s Queues: %s",
			name,
			didYouMean(name, names),
			strings.Join(names, ", "),
		)
	}

	return nil
}

func didYouMean(word string, known []string) string {
	if c := closest(word, known); c != "" {
		return " Did you mean " + c + "?"
	}

	return ""
}

// Run lists dead letters.
func (c *dlqListCmd) Run(ctx context.Context, a *app) error {
	if c.Queue == "" {
		return c.counts(ctx, a)
	}

	if err := knownQueue(c.Queue); err != nil {
		return err
	}

	seen := map[string]bool{}
	all := printer[view.DeadView]{
		app:  a,
		name: func(d view.DeadView) string { return strconv.FormatInt(d.MessageID, 10) },
		table: func(dead []view.DeadView) []string {
			for _, d := range dead {
				seen[d.Reason] = true
			}

			if a.outTTY {
				return a.outStyle().Dead(dead, a.now())
			}

			return render.DeadTabbed(dead)
		},
	}
	next, err := all.list(ctx, listing{
		path: "/queues/" + c.Queue + "/dead", query: url.Values{}, limit: c.Limit, moreFlags: c.moreFlags,
	})

	for _, reason := range slices.Sorted(maps.Keys(seen)) {
		a.hint("%s: %s", a.style.Plain(reason), view.RunbookOfDead(reason).At(a.api.Base()))
	}

	switch {
	case err != nil:
		return err
	case all.count == 0:
		a.hint("No dead letters in %s.", c.Queue)
	case next != "":
		a.moreHint("more")
	}

	return nil
}

// counts shows one line for each queue and reason. In other formats, it prints
// the API's answer about its queues.
func (c *dlqListCmd) counts(ctx context.Context, a *app) error {
	answer, err := a.api.Get(ctx, "/queues", nil)
	if err != nil {
		return err
	}

	all := printer[view.QueueView]{app: a, name: func(q view.QueueView) string { return q.Queue }}
	if a.format != "table" {
		return all.whole(answer)
	}

	page, err := decode[client.Page[view.QueueView]](answer)
	if err != nil {
		return err
	}

	var groups []render.DeadGroup

	for _, q := range page.Items {
		if q.Dead == 0 {
			continue
		}

		more, err := a.deadGroups(ctx, q)
		if err != nil {
			return err
		}

		groups = append(groups, more...)
	}

	if len(groups) == 0 {
		a.hint("No dead letters.")
		return nil
	}

	if !a.outTTY {
		return a.lines(render.DeadGroupsTabbed(groups))
	}

	return a.lines(a.outStyle().DeadGroups(groups, a.now()))
}

// deadGroups counts a queue's dead letters by reason. Those that the API does
// not count by reason form a group without a reason.
func (a *app) deadGroups(ctx context.Context, q view.QueueView) ([]render.DeadGroup, error) {
	page, _, err := list[view.DeadReason](ctx, a, "/queues/"+url.PathEscape(q.Queue)+"/dead/reasons", nil)
	if err != nil {
		return nil, err
	}

	rest := q.Dead

	groups := each(page.Items, func(r view.DeadReason) render.DeadGroup {
		rest -= r.Wanted + r.Unwanted

		return render.DeadGroup{
			Queue:  q.Queue,
			Reason: r.Reason,
			Count:  r.Wanted + r.Unwanted,
			Wanted: r.Wanted,
			Oldest: r.Oldest,
		}
	})
	if rest > 0 {
		groups = append(groups, render.DeadGroup{Queue: q.Queue, Count: rest})
	}

	return groups, nil
}

type dlqRedriveCmd struct {
	Queue  string `arg:"" help:"Queue: jobs, tasks or long-tasks."`
	Reason string `placeholder:"REASON" help:"Only dead letters with this reason."`
	Yes    bool   `short:"y" help:"Skip the confirmation. Required without a terminal."`
	DryRun bool   `help:"Count the messages that would be sent and dropped."`
}

// Run counts the messages, asks for confirmation, and redrives them.
func (c *dlqRedriveCmd) Run(ctx context.Context, a *app) error {
	if err := knownQueue(c.Queue); err != nil {
		return err
	}

	path := "/queues/" + c.Queue + "/redrive"

	query := url.Values{"dry_run": {"true"}}
	if c.Reason != "" {
		query.Set("reason", c.Reason)
	}

	answer, err := a.api.Post(ctx, path, query, nil)
	if err != nil {
		return err
	}

	would, err := decode[view.Redriven](answer)
	if err != nil {
		return err
	}

	text := fmt.Sprintf(
		"%s would be sent to %s again (still needed by %s; %s already finished and will be dropped).",
		render.Things(would.Redriven+would.Dropped, "message"),
		c.Queue,
		render.Things(would.Redriven, "task"),
		are(would.Dropped),
	)
	if c.DryRun {
		return a.one(
			answer.Body,
			c.Queue,
			func() error { return a.lines(render.Wrap(text, a.outStyle().Width)) },
		)
	}

	if would.Redriven+would.Dropped == 0 {
		return a.one(
			answer.Body,
			c.Queue,
			func() error { a.hint("Nothing to redrive in %s.", c.Queue); return nil },
		)
	}

	if err := a.confirm(ctx, c.Yes, false, text+" Continue?"); err != nil {
		return err
	}

	query.Del("dry_run")

	if answer, err = a.api.Post(ctx, path, query, nil); err != nil {
		return err
	}

	return a.one(answer.Body, c.Queue, func() error {
		done, err := decode[view.Redriven](answer)
		if err != nil {
			return err
		}

		a.hint("%s sent again, %d dropped.", render.Things(done.Redriven, "message"), done.Dropped)

		return nil
	})
}
