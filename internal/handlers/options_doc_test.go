package handlers_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// TestDocListsEveryOptionWithItsDefault compares the table of docs/handlers.md
// with the functions that return an Option.
func TestDocListsEveryOptionWithItsDefault(t *testing.T) {
	t.Parallel()

	page, err := os.ReadFile("../../docs/handlers.md")
	if err != nil {
		t.Fatal(err)
	}

	_, table, _ := strings.Cut(string(page), "\n## Options\n")
	table, _, _ = strings.Cut(table, "\n## ")

	defaults := map[string]any{
		"Attempts": state.DefaultBackoff.Attempts,
		"Base":     state.DefaultBackoff.Base,
		"Factor":   state.DefaultBackoff.Factor,
		"Cap":      state.DefaultBackoff.Cap,
		"Jitter":   state.DefaultBackoff.Jitter,
		"Timeout":  handlers.DefaultTimeout,
		"Long":     state.QueueTasks,
		"Emits":    nil,
		"Needs":    nil,
	}

	file, err := parser.ParseFile(token.NewFileSet(), "handler.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}

	found := 0

	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Type.Results == nil ||
			fmt.Sprint(fn.Type.Results.List[0].Type) != "Option" {
			continue
		}

		found++

		value, known := defaults[fn.Name.Name]
		if !known {
			t.Errorf("the option %s has no default in this test", fn.Name.Name)
			continue
		}

		want := fmt.Sprintf("`%v` |", value)
		if value == nil {
			want = "none |"
		}

		row := rowOf(table, "| `"+fn.Name.Name)
		if _, rest, _ := strings.Cut(row, "` | "); !strings.HasPrefix(rest, want) {
			t.Errorf("docs/handlers.md: the row of %s is %q, want the default %q", fn.Name.Name, row, want)
		}
	}

	if found != len(defaults) {
		t.Errorf("found %d options, want %d", found, len(defaults))
	}
}

// rowOf returns the row of a table that starts with a text.
func rowOf(table, start string) string {
	for row := range strings.Lines(table) {
		if strings.HasPrefix(row, start) {
			return strings.TrimSpace(row)
		}
	}

	return ""
}

// TestDocListsEveryFieldOfATask compares docs/handlers.md with the fields and
// methods of Task.
func TestDocListsEveryFieldOfATask(t *testing.T) {
	t.Parallel()

	page, err := os.ReadFile("../../docs/handlers.md")
	if err != nil {
		t.Fatal(err)
	}

	file, err := parser.ParseFile(token.NewFileSet(), "task.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}

	names := 0

	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Task" {
			return true
		}

		for _, field := range spec.Type.(*ast.StructType).Fields.List { //nolint:forcetypeassert // it is a struct
			for _, name := range field.Names {
				if name.IsExported() {
					names++

					if !strings.Contains(string(page), "`t."+name.Name+"`") && name.Name != "Deps" {
						t.Errorf("docs/handlers.md does not name t.%s", name.Name)
					}
				}
			}
		}

		return false
	})

	for _, call := range []string{"`t.Deps.Blobs`", "`t.Progress(", "`t.Emit(", "`Params[P](t)`", "`Outcome(t)`"} {
		if !strings.Contains(string(page), call) {
			t.Errorf("docs/handlers.md does not name %s", call)
		}
	}

	if names < 12 {
		t.Errorf("found %d fields of Task", names)
	}
}
