package main

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// labelFlags are the flags of a submit that name and describe a job.
type labelFlags struct {
	Key string   `placeholder:"KEY" help:"Run key: the same parameters with another key are another job."`
	Tag []string `sep:"none" placeholder:"NAME=VALUE" help:"Set a tag. Repeat for several."`
}

// set adds the tags to the query of a submit.
func (f labelFlags) set(query url.Values) error {
	return addTerms(query, "--tag", state.TagPrefix, f.Tag)
}

// addTerms adds name=value words to a query.
func addTerms(query url.Values, flag, prefix string, words []string) error {
	for _, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found || name == "" || value == "" {
			return usagef("%s %q is not name=value, for example %s env=prod.", flag, word, flag)
		}

		if query.Has(prefix + name) {
			return usagef("%s: %s occurs twice.", flag, name)
		}

		query.Set(prefix+name, value)
	}

	return nil
}

type tagCmd struct {
	ID     string   `arg:"" help:"Job id, at least its first 4 digits, or @last."`
	Tags   []string `arg:"" optional:"" name:"name=value" help:"Tags to set."`
	Remove []string `short:"r" sep:"none" placeholder:"NAME" help:"Remove a tag. Repeat for several."`
}

// Run changes the tags of a job, and prints all that it has.
func (c *tagCmd) Run(ctx context.Context, a *app) error {
	id, err := a.jobID(ctx, c.ID)
	if err != nil {
		return err
	}

	query := url.Values{}
	if err := addTerms(query, "tag", "", c.Tags); err != nil {
		return err
	}

	changes := map[string]*string{}

	for name, values := range query {
		changes[name] = &values[0]
	}

	for _, name := range c.Remove {
		if _, ok := changes[name]; ok {
			return usagef("--remove %s: the tag is also set.", name)
		}

		changes[name] = nil
	}

	body, err := json.Marshal(changes)
	if err != nil {
		return err
	}

	answer, err := a.api.Patch(ctx, "/jobs/"+id.String()+"/tags", body)
	if err != nil {
		return a.orMissing(err, id)
	}

	return a.one(answer.Body, id.String(), func() error {
		job, err := decode[view.JobTags](answer)
		if err != nil {
			return err
		}

		if len(job.Tags) == 0 {
			a.hint("%s has no tags.", render.Short(id))
			return nil
		}

		return a.lines([]string{a.outStyle().Tags(job.Tags)})
	})
}
