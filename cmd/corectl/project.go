package main

import (
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"coremachine/internal/jobs"
)

// engine is the module path of this source tree.
const engine = "coremachine"

// project is a source tree that contains jobs: this one or a fork of it, or an
// outside module that requires it.
type project struct {
	root   string // the folder of go.mod
	module string
}

// outside reports whether the project uses the engine as a module.
func (p project) outside() bool { return p.module != engine }

var (
	moduleLine  = regexp.MustCompile(`(?m)^module\s+(\S+)`)
	requireLine = regexp.MustCompile(`(?m)^(?:require)?\s+` + engine + `\s+v`)
)

// projectAt returns the project whose go.mod is in dir. An outside project has
// an executable in cmd/handler, which sets it apart from other modules that
// import this one.
func projectAt(dir string) (project, bool) {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return project{}, false
	}

	m := moduleLine.FindSubmatch(text)
	if m == nil {
		return project{}, false
	}

	p := project{root: dir, module: string(m[1])}
	if p.outside() {
		info, err := os.Stat(filepath.Join(dir, "cmd", "handler"))
		return p, err == nil && info.IsDir() && requireLine.Match(text)
	}

	return p, true
}

// findProject returns the project that contains the working directory.
func findProject() (project, error) {
	dir, err := os.Getwd()
	if err != nil {
		return project{}, err
	}

	for {
		if p, found := projectAt(dir); found {
			return p, nil
		}

		above := filepath.Dir(dir)
		if above == dir {
			return project{}, exitf(exitOther, "Run this command inside the source tree of coremachine, or inside "+
				"a project that requires it and has its executable in cmd/handler.")
		}

		dir = above
	}
}

// knownTypes returns the job types of the project that contains the working
// directory. It reads the source of an outside project, and needs no API.
// Elsewhere it returns the job types of this build.
func knownTypes() []string {
	p, err := findProject()
	if err != nil || !p.outside() {
		return slices.Sorted(maps.Keys(jobs.All))
	}

	return declaredTypes(p.root)
}

// declaredTypes returns the keys of the map All in internal/jobs/all.go, or
// none if the project has another layout.
func declaredTypes(root string) []string {
	path := filepath.Join(root, "internal", "jobs", "all.go")

	source, err := os.ReadFile(path)
	if err != nil {
		return nil
	}

	files := token.NewFileSet()

	file, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}

	var names []string

	for _, pair := range pairsOf(literalOf(file)) {
		if name, err := strconv.Unquote(keyOf(source, files, pair)); err == nil {
			names = append(names, name)
		}
	}

	slices.Sort(names)

	return names
}

// exampleType returns the job that examples name: hello_world in this source
// tree, otherwise the first job of the project.
func exampleType() string {
	const usual = "hello_world"

	if types := knownTypes(); len(types) > 0 && !slices.Contains(types, usual) {
		return types[0]
	}

	return usual
}

// quotePath quotes a path for go.mod if its syntax requires that.
func quotePath(path string) string {
	if strings.ContainsAny(path, " \t\"'`()[]{},") || strings.Contains(path, "//") {
		return strconv.Quote(path)
	}

	return path
}
