package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

type submitCmd struct {
	Type        string   `arg:"" help:"Job type: see corectl types."`
	Params      []string `arg:"" optional:"" name:"name=value" help:"Parameters: n=3, owner.name=bob in an object, bands=1,2 or bands=1 bands=2 for a list. Missing parameters have their defaults."`
	P           []string `short:"p" name:"param" sep:"none" placeholder:"NAME=VALUE" help:"Set a parameter whose name looks like a flag."`
	JSON        string   `name:"json" placeholder:"FILE" help:"Read the parameters from a JSON file, or from standard input if FILE is -."`
	CallbackURL string   `name:"callback-url" placeholder:"URL" help:"Send a notification to this URL when the job ends."`
	Rerun       bool     `help:"Run the job again if it is completed, with or without errors."`
	DryRun      bool     `help:"Check the parameters and count the tasks, but start nothing."`
	labelFlags
	startFlags
	watchFlags
	Watch bool `help:"Follow the job. The exit code is its outcome."`
}

// Run submits a job. It prints the id to standard output, unless both outputs
// are the same terminal, on which the headline shows it.
func (c *submitCmd) Run(ctx context.Context, a *app) error {
	answer, done, err := c.send(ctx, a)
	if err != nil {
		return err
	}

	if c.DryRun {
		return a.one(
			answer.Body,
			done.JobID.String(),
			func() error { return a.lines(a.outStyle().Plan(c.Type, done)) },
		)
	}

	remember(a.stateDir, recentJob{JobID: done.JobID, JobType: c.Type, API: a.api.Base()})

	if err := a.announce(ctx, c.Type, done, answer.Status == http.StatusAccepted); err != nil {
		return err
	}

	if a.format == "name" || a.format == "table" && (!a.outTTY || !a.errTTY) {
		if err := a.lines([]string{done.JobID.String()}); err != nil {
			return err
		}
	}

	if c.Watch {
		return a.watch(ctx, done.JobID, c.watchFlags)
	}

	if a.format == "json" || a.format == "jsonl" {
		return a.body(answer.Body)
	}

	return nil
}

// send sends the request. Errors name the type or the parameters that are
// wrong.
func (c *submitCmd) send(ctx context.Context, a *app) (client.Answer, view.Submission, error) {
	body, err := c.body(ctx, a)
	if err != nil {
		return client.Answer{}, view.Submission{}, err
	}

	options := client.SubmitOptions{
		Rerun: c.Rerun, DryRun: c.DryRun, CallbackURL: c.CallbackURL, RunKey: c.Key,
	}

	query := options.Query()
	if err := errors.Join(c.labelFlags.set(query), c.startFlags.set(query)); err != nil {
		return client.Answer{}, view.Submission{}, err
	}

	answer, err := a.api.PostSubmit(ctx, c.Type, query, body)
	if err != nil {
		return answer, view.Submission{}, a.refusedSubmit(ctx, c.Type, err)
	}

	done, err := decode[view.Submission](answer)

	return answer, done, err
}

func (c *submitCmd) body(ctx context.Context, a *app) ([]byte, error) {
	words := append(c.Params, c.P...)
	if c.JSON != "" {
		if len(words) > 0 {
			return nil, usagef("use either name=value parameters or --json, not both.")
		}

		return jsonFile(c.JSON, a.in)
	}

	if len(words) == 0 {
		return []byte("{}"), nil
	}

	types, err := a.types(ctx)
	if err != nil {
		return nil, err
	}

	for _, t := range types {
		if t.Name != c.Type {
			continue
		}

		s, err := schemaOf(&t)
		if err != nil {
			return nil, err
		}

		return parameters(words, s)
	}

	return nil, unknownType(c.Type, typeNames(types))
}

// schemaOf reads the schema of a job type.
func schemaOf(t *state.JobType) (*view.Schema, error) {
	s, err := view.ParseSchema(t.Schema)
	if err != nil {
		return nil, fmt.Errorf(
			"unexpected schema of %s: this corectl may be older or newer than the server: %w",
			t.Name,
			err,
		)
	}

	return s, nil
}

// refusedSubmit returns an error that names the type or the parameters that are
// wrong.
func (a *app) refusedSubmit(ctx context.Context, jobType string, err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return err
	}

	if refused.Status == http.StatusBadRequest && len(refused.Fields) > 0 {
		return wrongParameters(refused.Fields)
	}

	if refused.Status == http.StatusNotFound {
		if types, typesErr := a.types(ctx); typesErr == nil {
			return unknownType(jobType, typeNames(types))
		}
	}

	return err
}

func unknownType(name string, known []string) error {
	text := fmt.Sprintf("No job type %q.", name)
	if slices.Contains(knownTypes(), name) {
		text += " This corectl knows it, but the running service is older: restart or deploy it."
	} else if c := closest(name, known); c != "" {
		text += " Did you mean " + c + "?"
	}

	return exitf(exitNotFound, "%s Types: %s", text, strings.Join(known, ", "))
}

// announce writes the headline, or a message about the existing job.
func (a *app) announce(ctx context.Context, jobType string, done view.Submission, started bool) error {
	if started && done.StartAt != nil {
		a.hint(
			"%s %s starts at %s · corectl start %s starts it now",
			a.style.Plain(jobType),
			render.Short(done.JobID),
			render.Moment(*done.StartAt),
			render.Handle(done.JobID),
		)

		return nil
	}

	if started {
		if a.errTTY {
			a.hint(
				"%s %s submitted · attempt %d · corectl open %s",
				a.style.Plain(jobType),
				render.Short(done.JobID),
				done.Attempt,
				render.Handle(done.JobID),
			)
		}

		return nil
	}

	job, _, err := a.job(ctx, done.JobID)
	if err != nil {
		return err
	}

	a.hint("%s", existing(job, a.now()))

	return nil
}

// existing explains why an existing job prevents a new run, and what to do.
func existing(job view.JobView, now time.Time) string {
	head := fmt.Sprintf("%s %s already exists: ", job.JobType, render.Short(job.JobID))
	if !job.Status.Ended() {
		head += job.Shown(now)
		if ran := job.Ran(now); ran != nil {
			head += " for " + render.Elapsed(*ran)
		}

		return head + fmt.Sprintf(". Follow it: `corectl status %s --watch`.", render.Handle(job.JobID))
	}

	head += string(job.Status)
	if job.FinishedAt != nil {
		head += " " + render.Ago(now, *job.FinishedAt)
	}

	head += ". Use --rerun to run it again"
	if job.Status != state.JobCompleted && job.Tasks.Failed > 0 {
		head += fmt.Sprintf(
			", `corectl retry %s` for the %s",
			render.Handle(job.JobID),
			render.Things(job.Tasks.Failed, "failed task"),
		)
	}

	return head + "."
}

// types reads the registered job types.
func (a *app) types(ctx context.Context) ([]state.JobType, error) {
	page, _, err := list[state.JobType](ctx, a, "/jobs/types", nil)
	return page.Items, err
}
