package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

type failuresCmd struct {
	ID    string `arg:"" help:"Job id, at least its first 4 digits, or @last."`
	Stage string `placeholder:"STAGE" help:"Only tasks of this stage."`
}

// Run lists why attempts failed, grouped by error.
func (c *failuresCmd) Run(ctx context.Context, a *app) error {
	id, err := a.jobID(ctx, c.ID)
	if err != nil {
		return err
	}

	query := url.Values{}

	if c.Stage != "" {
		if err := a.knownStage(ctx, id, c.Stage); err != nil {
			return err
		}

		query.Set("stage", c.Stage)
	}

	groups, answer, err := a.failures(ctx, id, query)
	if err != nil {
		return err
	}

	if a.format == "name" { // stages may have the same error
		names := each(groups, func(g view.FailureGroup) string { return g.Fingerprint.String() })
		slices.Sort(names)

		return a.lines(slices.Compact(names))
	}

	all := printer[view.FailureGroup]{app: a, table: func(groups []view.FailureGroup) []string {
		if a.outTTY {
			return a.outStyle().Failures(groups)
		}

		return render.FailuresTabbed(groups)
	}}
	if err := all.whole(answer); err != nil || a.format != "table" {
		return err
	}

	switch ended := slices.IndexFunc(groups, func(g view.FailureGroup) bool { return g.Tasks > 0 }); {
	case len(groups) == 0:
		a.hint("No attempt has failed.")
	case ended < 0:
		a.hint("No task failed with these errors: each attempt was retried.")
	default:
		a.hint(
			"tasks of one error: corectl tasks %s --error %s",
			render.Handle(id),
			render.ShortError(groups[ended].Fingerprint),
		)
	}

	return nil
}

func (a *app) failures(
	ctx context.Context,
	id state.JobID,
	query url.Values,
) ([]view.FailureGroup, client.Answer, error) {
	page, answer, err := list[view.FailureGroup](ctx, a, "/jobs/"+id.String()+"/failures", query)
	return page.Items, answer, a.orMissing(err, id)
}

// fingerprint finds the error that the user means: 16 digits, or a prefix of an
// error of the job.
func (a *app) fingerprint(ctx context.Context, id state.JobID, given string) (state.Fingerprint, error) {
	prefix := strings.ToLower(given)
	if len(prefix) < view.MinIDPrefix || len(prefix) > state.FingerprintLen ||
		strings.Trim(prefix, "0123456789abcdef") != "" {
		return 0, usagef(
			"invalid fingerprint %q: use its %d hex digits, or at least the first %d. See `corectl failures %s`.",
			given,
			state.FingerprintLen,
			view.MinIDPrefix,
			render.Handle(id),
		)
	}

	// Accept any full fingerprint, because the list of patterns is limited.
	if whole, ok := state.ParseFingerprint(prefix); ok {
		return whole, nil
	}

	groups, _, err := a.failures(ctx, id, nil)
	if err != nil {
		return 0, err
	}

	var found []view.FailureGroup
	for _, g := range groups {
		known := slices.ContainsFunc(
			found,
			func(f view.FailureGroup) bool { return f.Fingerprint == g.Fingerprint },
		)
		if strings.HasPrefix(g.Fingerprint.String(), prefix) && !known {
			found = append(found, g)
		}
	}

	switch len(found) {
	case 0:
		return 0, exitf(
			exitNotFound,
			"No error of %s has a fingerprint that starts with %s. See `corectl failures %s`.",
			render.Short(id),
			prefix,
			render.Handle(id),
		)
	case 1:
		return found[0].Fingerprint, nil
	}

	lines := each(
		found,
		func(g view.FailureGroup) string { return fmt.Sprintf("\n  %s  %s", g.Fingerprint, g.Pattern) },
	)

	return 0, usagef("%s matches more than one fingerprint:%s", given, strings.Join(lines, ""))
}
