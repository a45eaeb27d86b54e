package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

type newAppCmd struct {
	Dir    string `arg:"" help:"Folder of the project. It must be empty or missing."`
	Module string `placeholder:"PATH" help:"Module path of the project. Default: example.com/ and the name of the folder."`
	Job    string `default:"hello" help:"Name of the first job, in snake_case."`
	Source string `placeholder:"DIR" help:"Source tree of coremachine. Default: the one that contains the working directory, or that the project there uses."`
	DryRun bool   `help:"Print what would be written, and write nothing."`
}

// appData is the data of the templates in templates/app.
type appData struct {
	Module, Name, Job     string
	Package               string // of main_test.go
	Version, Requirements string // parts of the engine's go.mod
	Engine                string // target of the replace line
	Functions             []string
}

var modulePath = regexp.MustCompile(`^[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)*$`)

// Run writes all files, or none of them.
func (c *newAppCmd) Run(ctx context.Context, a *app) error {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}

	source, err := c.source(ctx)
	if err != nil {
		return err
	}

	created, err := c.files(dir, source)
	if err != nil {
		return err
	}

	if !c.DryRun {
		if err := writeAll(dir, created, nil); err != nil {
			return err
		}
	}

	text, err := encode(map[string][]string{"created": slices.Sorted(maps.Keys(created))})
	if err != nil {
		return err
	}

	return a.one(text, dir, func() error {
		return a.lines([]string{
			fmt.Sprintf("created  %d files in %s", len(created), c.Dir),
			"next     cd " + c.Dir + " && make demo",
			"then     make test, and: go tool corectl new job NAME",
		})
	})
}

// source returns the folder of the engine's source tree.
func (c *newAppCmd) source(ctx context.Context) (string, error) {
	if c.Source != "" {
		dir, err := filepath.Abs(c.Source)
		if err != nil {
			return "", err
		}

		if p, found := projectAt(dir); !found || p.outside() {
			return "", usagef("%s is not the source tree of coremachine: it has no go.mod of that module.", c.Source)
		}

		return dir, nil
	}

	p, err := findProject()
	if err != nil {
		return "", usagef("The source tree of coremachine was not found. Name it with --source.")
	}

	if !p.outside() {
		return p.root, nil
	}

	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", engine)
	list.Dir = p.root

	out, err := list.Output()
	if err != nil {
		return "", exitf(exitOther, "Cannot find the source tree of coremachine: %v. Name it with --source.", err)
	}

	return strings.TrimSpace(string(out)), nil
}

// files returns the files of the project by their path below dir. It writes
// nothing.
func (c *newAppCmd) files(dir, source string) (map[string][]byte, error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, usagef("%s is not empty. Choose another folder.", c.Dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}

	job, err := describeJob(c.Job, []string{"greet", "count"})
	if err != nil {
		return nil, err
	}

	name := filepath.Base(dir)

	module := first(c.Module, "example.com/"+name)
	if !modulePath.MatchString(module) || module == engine {
		return nil, usagef("invalid module path %q: use --module, for example example.com/tiles.", module)
	}

	data := appData{Module: module, Name: name, Job: c.Job, Engine: quotePath(pathTo(source, dir))}

	created, err := c.copied(source, &data)
	if err != nil {
		return nil, err
	}

	for _, f := range []struct{ path, template, pkg string }{
		{"go.mod", "go.mod", ""},
		{"Makefile", "Makefile", ""},
		{"README.md", "README.md", ""},
		{".gitignore", "gitignore", ""},
		{"cmd/handler/main.go", "main.go", ""},
		{"internal/jobs/all.go", "jobs.go", ""},
		{"internal/jobs/main_test.go", "main_test.go", "jobs"},
		{"internal/handlers/all.go", "handlers.go", ""},
		{"internal/handlers/main_test.go", "main_test.go", "handlers"},
	} {
		data.Package = f.pkg
		if created[f.path], err = draw("app/"+f.template, data); err != nil {
			return nil, err
		}
	}

	return created, job.addTo(created, project{root: dir, module: module})
}

// copied returns the files that the project takes from the engine without a
// change, and fills the fields of the data that describe the engine.
func (c *newAppCmd) copied(source string, data *appData) (map[string][]byte, error) {
	names := []string{"go.sum", "host.json", "local.settings.json"}

	functions, err := filepath.Glob(filepath.Join(source, "function.json", "*.json"))
	if err != nil {
		return nil, err
	}

	for _, function := range functions {
		name := filepath.Base(function)
		names = append(names, path.Join("function.json", name))
		data.Functions = append(data.Functions, strings.TrimSuffix(name, ".json"))
	}

	files := map[string][]byte{}

	for _, name := range names {
		if files[name], err = os.ReadFile(filepath.Join(source, filepath.FromSlash(name))); err != nil {
			return nil, err
		}
	}

	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return nil, err
	}

	data.Version = string(versionLine.Find(mod))
	data.Requirements = string(bytes.Join(requireBlocks.FindAll(mod, -1), []byte("\n\n")))

	return files, nil
}

var (
	versionLine   = regexp.MustCompile(`(?m)^go .+$`)
	requireBlocks = regexp.MustCompile(`(?ms)^require \(.*?^\)$`)
)

// addTo adds the files of the job to the files of a project that is not written
// yet.
func (j newJob) addTo(created map[string][]byte, p project) error {
	own, edited, err := j.render(p, func(path string) ([]byte, error) { return created[path], nil })
	if err != nil {
		return err
	}

	maps.Copy(created, own)
	maps.Copy(created, edited)

	return nil
}

// pathTo returns how a project in dir refers to a folder: relative if both are
// below one folder near them, otherwise absolute.
func pathTo(folder, dir string) string {
	folder, above := resolved(folder), resolved(dir)

	for range 2 {
		above = filepath.Dir(above)
		isRoot := above == filepath.Dir(above)

		if below, err := filepath.Rel(above, folder); isRoot || err != nil || strings.HasPrefix(below, "..") {
			continue
		}

		if relative, err := filepath.Rel(resolved(dir), folder); err == nil {
			return filepath.ToSlash(relative)
		}
	}

	return folder
}

// resolved follows the symbolic links of a path. The last parts of the path may
// be missing.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}

	if above := filepath.Dir(path); above != path {
		return filepath.Join(resolved(above), filepath.Base(path))
	}

	return path
}

// draw executes a template. It formats Go source.
func draw(name string, data any) ([]byte, error) {
	t, err := template.ParseFS(templates, "templates/"+name+".tmpl")
	if err != nil {
		return nil, err
	}

	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return nil, err
	}

	if !strings.HasSuffix(name, ".go") {
		return b.Bytes(), nil
	}

	return format.Source(b.Bytes())
}
