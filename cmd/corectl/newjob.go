package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"coremachine/internal/state"
)

type newCmd struct {
	Job newJobCmd `cmd:"" help:"Create a job, its handlers and their tests, and register them."`
	App newAppCmd `cmd:"" help:"Create a project of your own that uses the engine as a module."`
}

type newJobCmd struct {
	Name   string   `arg:"" help:"Name of the job type, in snake_case."`
	Stages []string `default:"work" placeholder:"A,B,C" help:"Names of the stages, in order."`
	DryRun bool     `help:"Print what would be written, and write nothing."`
}

//go:embed templates
var templates embed.FS

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// newJob is the data of the templates.
type newJob struct {
	project

	Name, Go, Local, Words string
	Stages                 []newStage
}

type newStage struct {
	Name, Go, Local, TaskType string
	Kind                      state.Parallelism
	Declare                   string
	Before, BeforeName        string // the previous stage, as a Go name and as its name
}

// Last returns the last stage.
func (j newJob) Last() newStage { return j.Stages[len(j.Stages)-1] }

// Gathers reports whether the last stage combines all results into one.
func (j newJob) Gathers() bool { return j.Last().Kind == state.FanIn }

// Chained reports whether a stage reads the results of another stage.
func (j newJob) Chained() bool { return len(j.Stages) > 1 }

// Outside reports whether the job belongs to a project that uses the engine as
// a module.
func (j newJob) Outside() bool { return j.outside() }

// Module returns the module path of the project.
func (j newJob) Module() string { return j.module }

// Define returns the qualifier of the language in which jobs are declared.
func (j newJob) Define() string { return j.qualifier("define.") }

// Task returns the qualifier of what handlers use.
func (j newJob) Task() string { return j.qualifier("") }

// Results returns the name of the function that reads the results of a stage.
func (j newJob) Results() string {
	if j.outside() {
		return "coremachine.StageResults"
	}

	return "Results"
}

func (j newJob) qualifier(inside string) string {
	if j.outside() {
		return "coremachine."
	}

	return inside
}

// Run writes all files, or none of them.
func (c *newJobCmd) Run(_ context.Context, a *app) error {
	p, err := findProject()
	if err != nil {
		return err
	}

	job, err := describeJob(c.Name, c.Stages)
	if err != nil {
		return err
	}

	created, edited, err := job.files(p)
	if err != nil {
		return err
	}

	if !c.DryRun {
		if err := writeAll(p.root, created, edited); err != nil {
			return err
		}
	}

	text, err := encode(
		map[string][]string{
			"created": slices.Sorted(maps.Keys(created)),
			"edited":  slices.Sorted(maps.Keys(edited)),
		},
	)
	if err != nil {
		return err
	}

	return a.one(text, job.Name, func() error {
		return a.lines([]string{
			fmt.Sprintf(
				"created  internal/jobs/%s.go  internal/handlers/%s.go  and 2 tests",
				job.Name,
				job.Name,
			),
			fmt.Sprintf("edited   internal/jobs/all.go +1  internal/handlers/all.go +%d", len(job.Stages)),
			"next     go test ./internal/jobs ./internal/handlers",
			fmt.Sprintf(
				"then     corectl submit %s --watch, after a running corectl dev has rebuilt the handler",
				job.Name,
			),
		})
	})
}

func describeJob(name string, stages []string) (newJob, error) {
	if !snakeCase.MatchString(name) || len(name) > 60 || strings.HasSuffix(name, "_test") ||
		forOneSystem(name+".go") ||
		name == "all" ||
		name == "doc" {
		return newJob{}, usagef("invalid job name %q: use snake_case, for example tile_index.", name)
	}

	job := newJob{
		Name:  name,
		Go:    goName(name),
		Local: localName(name),
		Words: sentence(strings.ReplaceAll(name, "_", " ")),
	}

	seen := map[string]bool{}
	for i, stage := range stages {
		if !snakeCase.MatchString(stage) || len(stage) > 60 || seen[stage] {
			return job, usagef(
				"invalid or repeated stage name %q: use snake_case, for example scan,measure,summarise.",
				stage,
			)
		}

		seen[stage] = true
		full := name + "_" + stage
		s := newStage{Name: stage, Go: goName(full), Local: localName(full), TaskType: full}

		switch {
		case i == 0:
			s.Kind, s.Declare = state.Dynamic, fmt.Sprintf("Dynamic(h.%s, \"n\", %sInput)", s.Go, s.Local)
		case i == len(stages)-1:
			s.Kind = state.FanIn
			s.Declare = fmt.Sprintf("FanIn(h.%s, %sInput), UsesLineage: true", s.Go, s.Local)
		default:
			s.Kind = state.MatchPrevious
			s.Declare = fmt.Sprintf("MatchPrevious(h.%s, %sInput), UsesLineage: true", s.Go, s.Local)
		}

		if i > 0 {
			s.Before, s.BeforeName = job.Stages[i-1].Go, job.Stages[i-1].Name
		}

		job.Stages = append(job.Stages, s)
	}

	return job, nil
}

// files returns the new and the edited files of a project by their path below
// its root. It writes nothing.
func (j newJob) files(p project) (created, edited map[string][]byte, err error) {
	created, edited, err = j.render(p, func(path string) ([]byte, error) {
		return os.ReadFile(filepath.Join(p.root, path))
	})
	if err != nil {
		return nil, nil, err
	}

	for path := range created {
		if _, err := os.Stat(filepath.Join(p.root, path)); !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, exitf(
				exitOther,
				"%s already exists. Choose another name, or delete that job first.",
				path,
			)
		}
	}

	return created, edited, nil
}

// render returns the new files, and the edited ones, which it reads with read.
func (j newJob) render(
	p project,
	read func(path string) ([]byte, error),
) (created, edited map[string][]byte, err error) {
	j.project = p
	created, edited = map[string][]byte{}, map[string][]byte{}

	for path, name := range map[string]string{
		"internal/jobs/" + j.Name + ".go": "job.go", "internal/jobs/" + j.Name + "_test.go": "job_test.go",
		"internal/handlers/" + j.Name + ".go":      "handlers.go",
		"internal/handlers/" + j.Name + "_test.go": "handlers_test.go",
	} {
		if created[path], err = draw(name, j); err != nil {
			return nil, nil, err
		}
	}

	types := make([]mapEntry, len(j.Stages))
	for i, stage := range j.Stages {
		types[i] = mapEntry{"string(" + stage.Go + ")", j.Task() + "Func(" + stage.Local + ")"}
	}

	for path, entries := range map[string][]mapEntry{
		"internal/jobs/all.go": {{strconv.Quote(j.Name), j.Go}}, "internal/handlers/all.go": types,
	} {
		source, err := read(path)
		if err != nil {
			return nil, nil, err
		}

		if edited[path], err = addEntries(source, entries); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
	}

	return created, edited, nil
}

// writeAll writes the files. If one of them cannot be written, it removes the
// new files again.
func writeAll(root string, created, edited map[string][]byte) (err error) {
	var made []string
	defer func() {
		for _, path := range made {
			if err != nil {
				_ = os.Remove(path)
			}
		}
	}()

	for path, text := range created {
		file := filepath.Join(root, path)
		made = append(made, file)

		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // readable by all users
			return err
		}

		if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // readable by all users
			return err
		}
	}

	for path, text := range edited {
		file := filepath.Join(root, path)
		if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // readable by all users
			return err
		}
	}

	return nil
}

// forOneSystem reports whether the toolchain would build a file with that name
// for some systems only.
func forOneSystem(name string) bool {
	nowhere := build.Context{
		GOOS:   "nowhere",
		GOARCH: "nothing",
		OpenFile: func(string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("package x\n")), nil
		},
	}
	match, err := nowhere.MatchFile(".", name)

	return err != nil || !match
}

func goName(snake string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(snake, "_") {
		b.WriteString(sentence(word))
	}

	return b.String()
}

func localName(snake string) string {
	name := goName(snake)
	return strings.ToLower(name[:1]) + name[1:]
}
