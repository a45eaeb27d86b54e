package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

type removeCmd struct {
	Job removeJobCmd `cmd:"" help:"Remove a job, its handlers and their tests, and unregister them."`
}

type removeJobCmd struct {
	Name   string `arg:"" help:"Name of the job type."`
	Yes    bool   `short:"y" help:"Skip the confirmation. Required without a terminal."`
	DryRun bool   `help:"Print what would be removed, and change nothing."`
}

// removal is what removing a job changes in a project.
type removal struct {
	name   string
	files  map[string][]byte // removed files by path, with their content
	edited map[string][]byte // the new content of the edited files
	old    map[string][]byte // their content before

	entries map[string][]string // keys of the removed entries by file
	unsafe  []string            // why the job cannot be removed
}

// Run removes the files and entries that `new job` created, all or none of
// them.
func (c *removeJobCmd) Run(ctx context.Context, a *app) error {
	p, err := findProject()
	if err != nil {
		return err
	}

	return c.remove(ctx, a, p)
}

func (c *removeJobCmd) remove(ctx context.Context, a *app, p project) error {
	r, err := planRemoval(ctx, p, c.Name)
	if err != nil {
		return err
	}

	if len(r.unsafe) > 0 {
		return exitf(exitOther, "%s cannot be removed safely:\n  %s\nNothing was changed.",
			c.Name, strings.Join(r.unsafe, "\n  "))
	}

	if err := a.unfinishedRuns(ctx, c.Name); err != nil {
		return err
	}

	if !c.DryRun {
		for _, line := range r.lines("would be removed", "would be edited") {
			if !c.Yes {
				a.hint("%s", line)
			}
		}

		if err := a.confirm(ctx, c.Yes, false, fmt.Sprintf("Remove the job %s from %s?", c.Name, p.root)); err != nil {
			return err
		}

		if err := r.apply(p.root); err != nil {
			return err
		}
	}

	text, err := encode(map[string][]string{
		"removed": slices.Sorted(maps.Keys(r.files)), "edited": slices.Sorted(maps.Keys(r.edited)),
	})
	if err != nil {
		return err
	}

	return a.one(text, c.Name, func() error {
		if c.DryRun {
			return a.lines(r.lines("would be removed", "would be edited"))
		}

		return a.lines(append(r.lines("removed", "edited"), "next  go test ./internal/jobs ./internal/handlers"))
	})
}

// lines lists the changes.
func (r removal) lines(removed, edited string) []string {
	var lines []string

	for _, path := range slices.Sorted(maps.Keys(r.files)) {
		lines = append(lines, removed+"  "+path)
	}

	for _, path := range slices.Sorted(maps.Keys(r.edited)) {
		lines = append(lines, edited+"  "+path+" -"+strings.Join(r.entries[path], " -"))
	}

	return lines
}

// planRemoval finds what belongs to a job, and lists what prevents its removal.
func planRemoval(ctx context.Context, p project, name string) (removal, error) {
	r := removal{
		name: name, files: map[string][]byte{}, edited: map[string][]byte{}, old: map[string][]byte{},
		entries: map[string][]string{},
	}

	if !snakeCase.MatchString(name) {
		return r, usagef("invalid job name %q: use snake_case, for example tile_index.", name)
	}

	known := declaredTypes(p.root)

	for _, path := range []string{
		"internal/jobs/" + name + ".go", "internal/jobs/" + name + "_test.go",
		"internal/handlers/" + name + ".go", "internal/handlers/" + name + "_test.go",
	} {
		text, err := os.ReadFile(filepath.Join(p.root, path))
		switch {
		case err == nil:
			r.files[path] = text
		case errors.Is(err, fs.ErrNotExist):
		default:
			return r, err
		}
	}

	_, hasJob := r.files["internal/jobs/"+name+".go"]
	if !hasJob && !slices.Contains(known, name) {
		return r, exitf(exitNotFound, "%s has no job %q.%s Jobs: %s",
			p.root, name, didYouMean(name, known), strings.Join(known, ", "))
	}

	types, err := declaredTaskTypes(r.files["internal/handlers/"+name+".go"])
	if err != nil {
		return r, err
	}

	unedited := r.unedited(p, types)

	entry := map[string]string{strconv.Quote(name): goName(name)}
	if err := r.dropEntries(ctx, p, "internal/jobs/all.go", entry); err != nil {
		return r, err
	}

	wanted := map[string]string{}
	for constant, taskType := range types {
		wanted["string("+constant+")"] = newJob{project: p}.Task() + "Func(" + localName(taskType) + ")"
	}

	if err := r.dropEntries(ctx, p, "internal/handlers/all.go", wanted); err != nil {
		return r, err
	}

	r.findChanges(ctx, p, unedited)

	return r, r.findUses(p)
}

// unedited returns the files that `new job` would write exactly like this.
func (r *removal) unedited(p project, types map[string]string) map[string]bool {
	same := map[string]bool{}

	stages := stagesOf(r.files["internal/handlers/"+r.name+".go"], r.name, types)

	job, err := describeJob(r.name, stages)
	if err != nil {
		return same
	}

	created, _, err := job.render(p, func(string) ([]byte, error) {
		return []byte("package x\n\nvar All = map[string]int{}\n"), nil
	})
	if err != nil {
		return same
	}

	for path, text := range created {
		same[path] = string(r.files[path]) == string(text)
	}

	return same
}

// dropEntries removes entries of the map All of a file. Their values must be
// those that `new job` wrote, unless the file is committed.
func (r *removal) dropEntries(ctx context.Context, p project, path string, wanted map[string]string) error {
	source, err := os.ReadFile(filepath.Join(p.root, path))
	if err != nil {
		return err
	}

	text, dropped, err := removeEntries(source, wanted)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	for _, entry := range dropped {
		r.entries[path] = append(r.entries[path], entry.key)

		if entry.value != wanted[entry.key] && !committed(ctx, p.root, path) {
			r.unsafe = append(r.unsafe, fmt.Sprintf(
				"%s: the entry %s was edited to %s and is not committed: commit it, or remove it yourself",
				path, entry.key, entry.value,
			))
		}
	}

	if len(dropped) > 0 {
		r.old[path], r.edited[path] = source, text
	}

	return nil
}

// apply writes the edited files and then removes the others. If a step fails,
// it restores what it has changed.
func (r removal) apply(root string) (err error) {
	var undo []func() error

	defer func() {
		if err == nil {
			return
		}

		for _, step := range slices.Backward(undo) {
			err = errors.Join(err, step())
		}
	}()

	put := func(path string, text []byte) error {
		return os.WriteFile(filepath.Join(root, path), text, 0o644) //nolint:gosec // readable by all users
	}

	for path, text := range r.edited {
		undo = append(undo, func() error { return put(path, r.old[path]) })

		if err := put(path, text); err != nil {
			return err
		}
	}

	for path, text := range r.files {
		if err := os.Remove(filepath.Join(root, path)); err != nil {
			return err
		}

		undo = append(undo, func() error { return put(path, text) })
	}

	return nil
}

// unfinishedRuns refuses a job that has unfinished runs at the API, which would
// wait for a build that has the job, and then fail. Without an answer it says
// that they were not checked.
func (a *app) unfinishedRuns(ctx context.Context, name string) error {
	query := url.Values{
		"type": {name}, "limit": {"1"}, "status": {string(state.JobQueued), string(state.JobRunning)},
	}

	page, _, err := list[view.JobSummary](ctx, a, "/jobs", query)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}

		text, _ := explain(err, a.context)
		a.hint("Unfinished runs were not checked, because the API gave no list: %s", plainLines(text))

		return nil
	}

	if len(page.Items) == 0 {
		a.hint("%s has no unfinished runs at %s.", name, a.place())
		return nil
	}

	return exitf(exitOther, "%s has unfinished runs at %s, for example %s. Wait for them, or cancel them: "+
		"corectl cancel --filter type=%s", name, a.place(), render.Short(page.Items[0].JobID), name)
}
