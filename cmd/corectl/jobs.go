package main

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// pageFlags select how much of a list is shown.
type pageFlags struct {
	Limit  int    `default:"50" placeholder:"N" help:"Maximum number of items. 0: all."`
	Cursor string `help:"Continue an earlier list."`
}

func (p pageFlags) query() (url.Values, error) {
	if p.Limit < 0 {
		return nil, usagef("--limit %d is negative.", p.Limit)
	}

	query := url.Values{}
	if p.Cursor != "" {
		query.Set("cursor", p.Cursor)
	}

	return query, nil
}

type jobsCmd struct {
	Status []string `placeholder:"STATUS" help:"Only jobs with these statuses: queued, running, completed, completed_with_errors, failed, cancelled."`
	Type   string   `placeholder:"TYPE" help:"Only jobs of this type."`
	Since  string   `placeholder:"DURATION" help:"Only jobs submitted within this period, for example 30m, 24h or 7d."`
	Tag    []string `sep:"none" placeholder:"NAME=VALUE" help:"Only jobs with this tag. Repeat for several: all must hold."`
	Param  []string `sep:"none" placeholder:"NAME=VALUE" help:"Only jobs with this value of a searchable parameter."`
	pageFlags
}

// Run lists jobs.
func (c *jobsCmd) Run(ctx context.Context, a *app) error {
	query, err := c.query()
	if err != nil {
		return err
	}

	if err := c.filter(query, a.now()); err != nil {
		return err
	}

	all := printer[view.JobSummary]{
		app:  a,
		name: func(job view.JobSummary) string { return job.JobID.String() },
		table: func(jobs []view.JobSummary) []string {
			if a.outTTY {
				return a.outStyle().Jobs(jobs, a.now())
			}

			return render.JobsTabbed(jobs)
		},
	}

	next, err := all.print(ctx, "/jobs", query, c.Limit)
	if err != nil {
		return err
	}

	switch {
	case all.count == 0 && len(query) <= 1:
		a.hint("No jobs yet. Start one: corectl submit hello_world n=3")
	case all.count == 0:
		a.hint("No job matches.")
	case next != "":
		a.hint("more: --limit 0 for all, or --cursor %s", next)
	}

	return nil
}

func (c *jobsCmd) filter(query url.Values, now time.Time) error {
	known := make([]string, len(state.JobStatuses))
	for i, status := range state.JobStatuses {
		known[i] = string(status)
	}

	for _, status := range c.Status {
		if closest(status, known) != status {
			return usagef(
				"unknown status %q%s Statuses: %s",
				status,
				first(meant(status, known), "."),
				strings.Join(known, ", "),
			)
		}

		query.Add("status", status)
	}

	if c.Type != "" {
		query.Set("type", c.Type)
	}

	if c.Since != "" {
		age, err := parseAge(c.Since)
		if err != nil {
			return err
		}

		query.Set("since", now.Add(-age).UTC().Format(time.RFC3339))
	}

	if err := addTerms(query, "--tag", state.TagPrefix, c.Tag); err != nil {
		return err
	}

	return addTerms(query, "--param", state.ParamPrefix, c.Param)
}

// parseAge parses a duration, or a number of days.
func parseAge(text string) (time.Duration, error) {
	age, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int

		n, err = strconv.Atoi(days)
		age = time.Duration(n) * 24 * time.Hour
	}

	if err != nil || age <= 0 || age > 100*365*24*time.Hour {
		return 0, usagef(
			"invalid duration --since %q: use for example 30m, 24h or 7d. See `corectl help jobs`.",
			text,
		)
	}

	return age, nil
}
