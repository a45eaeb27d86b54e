package main

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"coremachine/cmd/corectl/internal/client"
	"coremachine/cmd/corectl/internal/show"
)

const (
	fullID  = 64 // hex digits of an id
	leastID = 4  // and of a prefix that commands take
)

// jobID finds the id that the user means: 64 digits, the first few of them, or @last.
func (a *app) jobID(ctx context.Context, given string) (string, error) {
	if given == "@last" {
		for _, job := range recentJobs(a.stateDir) {
			if job.API == a.api.Base() {
				return job.JobID, nil
			}
		}
		return "", exitf(exitNotFound, "@last: no job was submitted from here to %s yet. See `corectl jobs`.", a.api.Base())
	}
	prefix := strings.ToLower(given)
	if len(prefix) < leastID || len(prefix) > fullID || strings.Trim(prefix, "0123456789abcdef") != "" {
		return "", usagef("%q is no job id: give its 64 hex digits, the first %d or more of them, or @last.", given, leastID)
	}
	if len(prefix) == fullID {
		return prefix, nil
	}
	page, _, err := list[client.Job](ctx, a, "/jobs", url.Values{"id": {prefix}, "limit": {"5"}})
	if err != nil {
		return "", err
	}
	switch len(page.Items) {
	case 0:
		return "", exitf(exitNotFound, "No job at %s has an id that begins with %s. See `corectl jobs`.", a.api.Base(), prefix)
	case 1:
		return page.Items[0].JobID, nil
	}
	var b strings.Builder
	for _, job := range page.Items {
		b.WriteString("\n  " + job.JobID + "  " + job.JobType)
	}
	return "", usagef("%s is the beginning of more than one id:%s", given, b.String())
}

// missing is the error for a job that is not there.
func (a *app) missing(id string) error {
	return exitf(exitNotFound, "No job %s at %s. See `corectl jobs`.", show.Short(id), a.api.Base())
}

// typeNames are the registered job types, sorted.
func typeNames(types []client.JobType) []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.JobType
	}
	slices.Sort(names)
	return names
}
