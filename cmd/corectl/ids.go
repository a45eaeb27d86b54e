package main

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// fullID is the length of an id, in hex digits.
const fullID = 2 * len(state.JobID{})

// jobID finds the id that the user means: 64 digits, a prefix, or @last.
func (a *app) jobID(ctx context.Context, given string) (state.JobID, error) {
	if given == "@last" {
		for _, job := range recentJobs(a.stateDir) {
			if job.API == a.api.Base() {
				return job.JobID, nil
			}
		}

		return state.JobID{}, exitf(
			exitNotFound,
			"@last: no job has been submitted from this machine to %s. See `corectl jobs`.",
			a.place(),
		)
	}

	prefix := strings.ToLower(given)
	if len(prefix) < view.MinIDPrefix || len(prefix) > fullID ||
		strings.Trim(prefix, "0123456789abcdef") != "" {
		return state.JobID{}, usagef(
			"invalid job id %q: use its 64 hex digits, at least the first %d, or @last.",
			given,
			view.MinIDPrefix,
		)
	}

	if len(prefix) == fullID {
		return state.ParseJobID(prefix)
	}

	page, _, err := list[view.JobSummary](ctx, a, "/jobs", url.Values{"id": {prefix}, "limit": {"5"}})
	if err != nil {
		return state.JobID{}, err
	}

	switch len(page.Items) {
	case 0:
		return state.JobID{}, exitf(
			exitNotFound,
			"No job at %s has an id that starts with %s. See `corectl jobs`.",
			a.place(),
			prefix,
		)
	case 1:
		return page.Items[0].JobID, nil
	}

	var b strings.Builder
	for _, job := range page.Items {
		b.WriteString("\n  " + job.JobID.String() + "  " + job.JobType)
	}

	return state.JobID{}, usagef("%s matches more than one id:%s", given, b.String())
}

// missing returns the error for a job that does not exist.
func (a *app) missing(id state.JobID) error {
	return exitf(exitNotFound, "No job %s at %s. See `corectl jobs`.", render.Short(id), a.place())
}

// typeNames returns the registered job types, sorted.
func typeNames(types []state.JobType) []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name
	}

	slices.Sort(names)

	return names
}
