package arch

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocTableOfPublicAPI compares the tables of the page with the exported
// names of the packages that outside projects import. A name that disappears or
// appears changes the page.
func TestDocTableOfPublicAPI(t *testing.T) {
	t.Parallel()

	const page = "docs/your-own-repository.md"

	for _, pkg := range []struct {
		name  string
		paths []string
	}{
		{"coremachine", publicFiles},
		{"coremachinetest", []string{
			"coremachinetest/coremachinetest.go", "coremachinetest/lineage.go", "coremachinetest/clock.go",
		}},
	} {
		begin := "<!-- " + pkg.name + ": generated from its comments -->\n"
		end := "<!-- end of " + pkg.name + " -->\n"
		content := document(t, page)

		before, rest, found := strings.Cut(content, begin)

		got, after, ended := strings.Cut(rest, end)
		if !found || !ended {
			t.Fatalf("%s: missing table between %q and %q", page, begin, end)
		}

		want := publicTable(t, pkg.paths)
		if *update {
			text := before + begin + want + end + after
			if err := os.WriteFile(filepath.Join(root, page), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs from %q (-want +got); run make verify:\n%s", page, pkg.paths, diff)
		}
	}
}

// publicFiles are the files of package coremachine.
var publicFiles = []string{"coremachine.go", "client.go"}

// publicTable returns the exported names of some files with the first sentences
// of their comments, in the order of the files.
func publicTable(t *testing.T, paths []string) string {
	t.Helper()

	var (
		b   strings.Builder
		all []declared
	)

	b.WriteString("| name | meaning |\n|---|---|\n")

	for _, path := range paths {
		all = append(all, exported(t, path)...)
	}

	for _, n := range all {
		summary := strings.TrimPrefix(new(doc.Package).Synopsis(n.comment), n.name+" ")

		summary = strings.TrimPrefix(summary, "is ")
		if summary == "" {
			t.Errorf("%q: %s has no comment", paths, n.name)
			continue
		}

		fmt.Fprintf(&b, "| `%s` | %s |\n", n.name, strings.ToUpper(summary[:1])+summary[1:])
	}

	return b.String()
}

// declared is an exported name of a package.
type declared struct{ name, comment string }

// exported returns the exported functions, types, constants and variables that
// a file declares. A name without a comment has the comment of its group.
func exported(t *testing.T, path string) []declared {
	t.Helper()

	file, err := parser.ParseFile(token.NewFileSet(), path, document(t, path), parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}

	var all []declared

	add := func(name *ast.Ident, comments ...*ast.CommentGroup) {
		i := slices.IndexFunc(comments, func(c *ast.CommentGroup) bool { return c.Text() != "" })
		if name.IsExported() && i >= 0 {
			all = append(all, declared{name.Name, comments[i].Text()})
		} else if name.IsExported() {
			all = append(all, declared{name.Name, ""})
		}
	}

	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				add(decl.Name, decl.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					add(spec.Name, spec.Doc, decl.Doc)
				case *ast.ValueSpec:
					add(spec.Names[0], spec.Doc, decl.Doc)
				}
			}
		}
	}

	return all
}

// internalNames are exported by the packages behind the public API, and are not
// part of it.
var internalNames = map[string]string{
	"All":          "the registry of this source tree",
	"AnswerMargin": "a limit of the engine",
	"Body":         "Submit and SubmitTx call it",
	"Check":        "Main and the test kit call it",

	"CheckSchedules": "Main and the test kit call it",
	"MaxSchedules":   "a limit of the engine",

	"Decode":          "Of and StageResults call it",
	"Encode":          "Func calls it",
	"FunctionTimeout": "a limit of the engine",
	"Lineage":         "in coremachinetest",
	"MaxTasks":        "a limit of the engine",
	"NewTask":         "in coremachinetest",
	"NoBlobs":         "the engine fills Deps",
	"Params":          "in define, the decoded parameters of the engine",
	"Parts":           "StageParts",
	"Results":         "in handlers, StageResults",
	"StageSpec":       "the compiled stage that the engine reads",
	"StoredResult":    "in coremachinetest",
	"TaskSpec":        "in coremachinetest",
}

// jobFiles are the starts of the names of files with our own jobs.
var jobFiles = []string{"/hello_world", "/container_list", "/process_raster", "/validate_geotiff"}

// TestPublicAPIIsComplete finds names that the engine's own jobs and handlers
// can use, and an outside project cannot.
func TestPublicAPIIsComplete(t *testing.T) {
	t.Parallel()

	public := map[string]bool{}

	for _, path := range publicFiles {
		for _, n := range exported(t, path) {
			public[n.name] = true
		}
	}

	files := texts(t, func(path string) bool {
		path = filepath.ToSlash(path)
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return false
		}

		job := slices.ContainsFunc(jobFiles, func(name string) bool { return strings.Contains(path, name) })

		return strings.HasPrefix(path, "internal/jobs/define/") || strings.HasPrefix(path, "internal/handlers/") && !job
	})

	found := 0

	for _, f := range files {
		for _, n := range exported(t, f.path) {
			found++

			if _, internal := internalNames[n.name]; !internal && !public[n.name] {
				t.Errorf("%s: %s is missing in coremachine.go", f.path, n.name)
			}
		}
	}

	if found < 40 {
		t.Errorf("found %d names", found)
	}
}
