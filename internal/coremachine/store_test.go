package coremachine

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStoreMethodsAreDeclaredWhereTheyAreCalled parses the files of the package.
// A file that calls a method of the store declares it in an interface, and
// declares no method that it does not call.
func TestStoreMethodsAreDeclaredWhereTheyAreCalled(t *testing.T) {
	t.Parallel()

	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}

	total := 0

	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || path == "store.go" {
			continue
		}

		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}

		declared, called := storeMethods(file)
		total += len(called)

		for name := range called {
			if !declared[name] {
				t.Errorf("%s calls store.%s, which no interface in the file declares", path, name)
			}
		}

		for name := range declared {
			if !called[name] {
				t.Errorf("%s declares %s for the store and does not call it", path, name)
			}
		}
	}

	if total < 50 {
		t.Errorf("found %d methods in use, want at least 50: the test looks for the wrong thing", total)
	}
}

// TestDocNamesEveryFile compares the package comment with the folder.
func TestDocNamesEveryFile(t *testing.T) {
	t.Parallel()

	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}

	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}

	named := map[string]bool{"doc.go": true}
	for _, name := range regexp.MustCompile(`\b\w+\.go\b`).FindAllString(string(doc), -1) {
		named[name] = true
	}

	for _, path := range paths {
		if !strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, "short_") && !named[path] {
			t.Errorf("doc.go does not say where %s belongs", path)
		}

		delete(named, path)
	}

	for name := range named {
		t.Errorf("doc.go names %s, which does not exist", name)
	}
}

// storeMethods returns the methods of interfaces with a context as the first
// parameter, and the methods that the file uses of a value named store.
func storeMethods(file *ast.File) (declared, called map[string]bool) {
	declared, called = map[string]bool{}, map[string]bool{}

	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			methods, ok := n.Type.(*ast.InterfaceType)
			if !ok || n.Name.Name == "Observer" {
				return true
			}

			for _, method := range methods.Methods.List {
				declared[method.Names[0].Name] = true
			}
		case *ast.SelectorExpr:
			if of, ok := n.X.(*ast.SelectorExpr); ok && of.Sel.Name == "store" {
				called[n.Sel.Name] = true
			}
		}

		return true
	})

	return declared, called
}
