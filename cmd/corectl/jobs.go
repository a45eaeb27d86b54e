package main

import (
	"context"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

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
	query := url.Values{}
	if err := c.filter(query, a.now()); err != nil {
		return err
	}

	asked := maps.Clone(query)
	if c.Since != "" {
		asked.Set("since", c.Since)
	}

	var texts *view.ParameterTexts

	all := printer[view.JobSummary]{
		app:  a,
		name: func(job view.JobSummary) string { return job.JobID.String() },
		table: func(jobs []view.JobSummary) []string {
			if texts == nil {
				texts = a.parameterTexts(ctx)
			}

			if a.outTTY {
				return a.outStyle().Jobs(jobs, texts, a.now())
			}

			return render.JobsTabbed(jobs, texts)
		},
	}

	next, err := all.list(ctx, listing{
		path: "/jobs", query: query, asked: asked, limit: c.Limit, moreFlags: c.moreFlags,
	})
	if err != nil {
		return err
	}

	switch {
	case all.count == 0 && len(query) == 0 && !c.continued():
		a.hint("No jobs yet. Start one: corectl submit hello_world n=3")
	case all.count == 0:
		a.hint("No job matches.")
	case next != "":
		a.moreHint("more")
	}

	return nil
}

// parameterTexts returns the texts that lists show of parameters. If the types
// cannot be read, lists show all parameters.
func (a *app) parameterTexts(ctx context.Context) *view.ParameterTexts {
	types, err := a.types(ctx)
	if err != nil {
		types = nil
	}

	return view.NewParameterTexts(types)
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
