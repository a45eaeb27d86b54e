package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Limits of a command on many jobs: the number of jobs, and of requests at a
// time.
const (
	bulkMost  = 10_000
	bulkAtOne = 4
	bulkShown = 8 // lines of the preview
)

// bulk is a command on all jobs that a filter matches.
type bulk struct {
	verb     string // cancel, retry or delete
	done     string // cancelled, retried or deleted
	statuses []state.JobStatus
	warning  string
	act      func(ctx context.Context, a *app, id state.JobID) error
}

// endedStatuses lists the statuses of jobs that have ended.
func endedStatuses() []state.JobStatus {
	return slices.DeleteFunc(slices.Clone(state.JobStatuses), func(s state.JobStatus) bool { return !s.Ended() })
}

// post returns an action that posts to a path with the id of the job.
func post(path string, query url.Values) func(context.Context, *app, state.JobID) error {
	return func(ctx context.Context, a *app, id state.JobID) error {
		_, err := a.api.Post(ctx, path+id.String(), query, nil)
		return err
	}
}

// jobFilter reads filters as name=value: status, type, since, id, tag.NAME and
// param.NAME.
func (a *app) jobFilter(words []string) (url.Values, error) {
	var c jobsCmd

	query := url.Values{}

	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || value == "" {
			return nil, usagef("--filter %q is not NAME=VALUE, for example --filter status=failed.", word)
		}

		switch {
		case name == "status":
			c.Status = append(c.Status, strings.Split(value, ",")...)
		case name == "type":
			c.Type = value
		case name == "since":
			c.Since = value
		case name == "id":
			query.Set("id", value)
		case strings.HasPrefix(name, state.TagPrefix):
			c.Tag = append(c.Tag, strings.TrimPrefix(word, state.TagPrefix))
		case strings.HasPrefix(name, state.ParamPrefix):
			c.Param = append(c.Param, strings.TrimPrefix(word, state.ParamPrefix))
		default:
			return nil, usagef(
				"unknown filter %q%s Filters: status, type, since, id, tag.NAME, param.NAME.",
				name, first(meant(name, []string{"status", "type", "since", "id"}), "."),
			)
		}
	}

	return query, c.filter(query, a.now())
}

// run lists what the filter matches, shows it, asks, and acts.
func (b bulk) run(ctx context.Context, a *app, f actFlags) error {
	if f.ID != "" {
		return usagef("name a job or give --filter, not both.")
	}

	query, err := a.jobFilter(f.Filter)
	if err != nil {
		return err
	}

	jobs, err := b.matching(ctx, a, query)
	if err != nil {
		return err
	}

	if len(jobs) == 0 {
		a.hint("No job that can be %s matches.", b.done)
		return nil
	}

	for _, line := range b.preview(a, jobs) {
		a.hint("%s", line)
	}

	if f.DryRun {
		if a.format == "table" {
			return nil
		}

		return a.lines(each(jobs, func(j view.JobSummary) string { return j.JobID.String() }))
	}

	verb := strings.ToUpper(b.verb[:1]) + b.verb[1:]
	question := fmt.Sprintf("%s %s? %s", verb, render.Things(len(jobs), "job"), b.warning)

	if err := a.confirm(ctx, f.Yes, false, question); err != nil {
		return err
	}

	return b.all(ctx, a, jobs)
}

// matching lists the jobs that the filter matches and that the verb applies to.
func (b bulk) matching(ctx context.Context, a *app, query url.Values) ([]view.JobSummary, error) {
	wanted := b.statuses

	if given := query["status"]; len(given) > 0 {
		wanted = slices.Clone(b.statuses)
		wanted = slices.DeleteFunc(wanted, func(s state.JobStatus) bool { return !slices.Contains(given, string(s)) })
	}

	if len(wanted) == 0 {
		return nil, nil
	}

	query["status"] = each(wanted, func(s state.JobStatus) string { return string(s) })

	var jobs []view.JobSummary

	more, err := everything(ctx, a, "/jobs", query, bulkMost,
		func(page client.Page[view.JobSummary], _ client.Answer) error {
			for _, job := range page.Items {
				job.Parameters, job.Tags = nil, nil // only what the preview needs
				jobs = append(jobs, job)
			}

			return nil
		})
	if more != "" {
		a.hint("More than %s jobs match: repeat the command for the rest.", render.Count(bulkMost))
	}

	return jobs, err
}

// preview counts the jobs by type and status.
func (b bulk) preview(a *app, jobs []view.JobSummary) []string {
	counts := map[string]int{}
	for _, job := range jobs {
		counts[a.style.Plain(job.JobType)+" "+string(job.Status)]++
	}

	kinds := slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
		return cmp.Or(counts[y]-counts[x], strings.Compare(x, y))
	})
	lines := []string{fmt.Sprintf("%s would be %s:", render.Things(len(jobs), "job"), b.done)}

	for i, kind := range kinds {
		if i == bulkShown {
			lines = append(lines, fmt.Sprintf("  and %s more", render.Things(len(kinds)-i, "kind")))
			break
		}

		lines = append(lines, fmt.Sprintf("  %s %s", render.Count(counts[kind]), kind))
	}

	return lines
}

// all acts on each job, with some requests at a time, and reports the progress.
// A job that was changed in the meantime is refused, and the others continue.
func (b bulk) all(ctx context.Context, a *app, jobs []view.JobSummary) error {
	var (
		mu      sync.Mutex
		workers sync.WaitGroup
		ids     []string
		refused = map[string]int{}
		failed  error
		next    = make(chan state.JobID)
	)

	ctx, stop := context.WithCancel(ctx)
	defer stop()

	for range bulkAtOne {
		workers.Go(func() {
			for id := range next {
				err := b.act(ctx, a, id)

				mu.Lock()
				answer, isRefusal := errors.AsType[*client.Error](err)

				switch {
				case err == nil:
					ids = append(ids, id.String())
				case isRefusal && answer.Status < 500 && answer.Status != 401 && answer.Status != 403:
					refused[answer.Detail]++
				case failed == nil:
					failed = err

					stop()
				}

				b.progress(a, len(ids), len(jobs))
				mu.Unlock()
			}
		})
	}

	for _, job := range jobs {
		select {
		case next <- job.JobID:
		case <-ctx.Done():
		}
	}

	close(next)
	workers.Wait()

	if a.animated() {
		_, _ = fmt.Fprintln(a.err)
	}

	return b.report(ctx, a, ids, len(jobs), refused, failed)
}

func (b bulk) progress(a *app, done, of int) {
	if a.animated() {
		_, _ = fmt.Fprintf(a.err, "\r%s %s of %s", b.done, render.Count(done), render.Count(of))
	}
}

func (b bulk) report(
	ctx context.Context, a *app, ids []string, of int, refused map[string]int, failed error,
) error {
	a.hint("%s %s of %s.", b.done, render.Count(len(ids)), render.Things(of, "job"))

	for _, why := range slices.Sorted(maps.Keys(refused)) {
		a.hint("%s refused: %s", render.Things(refused[why], "job"), a.style.Plain(why))
	}

	if a.format != "table" {
		if err := a.lines(ids); err != nil {
			return err
		}
	}

	switch {
	case failed != nil:
		return failed
	case ctx.Err() != nil && len(ids)+len(refused) < of:
		return ctx.Err()
	case len(refused) > 0:
		return exitf(exitOther, "Some jobs were refused: they have changed, or are being deleted.")
	}

	return nil
}
