package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// root is the path from this package to the module.
const root = "../../.."

// notOurs are folders below root without hand-written source of this module.
var notOurs = []string{".git", ".local", "bin", "third_party", "node_modules"}

// text is one file of the repository.
type text struct {
	path    string // below root
	content string
}

// texts reads the hand-written files that want accepts. It omits generated
// files.
func texts(t *testing.T, want func(path string) bool) []text {
	t.Helper()

	var all []text

	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		path, err = filepath.Rel(root, path)
		if err != nil {
			return err
		}

		if entry.IsDir() {
			if slices.Contains(notOurs, path) || slices.Contains(notOurs, entry.Name()) {
				return filepath.SkipDir
			}

			return nil
		}

		if !entry.Type().IsRegular() || !want(path) {
			return nil
		}

		content, err := os.ReadFile(filepath.Join(root, path))
		all = append(all, text{path: path, content: string(content)})

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return all
}

// source is one parsed Go file.
type source struct {
	path string // below root
	pkg  string // folder below internal/, or below root for cmd and bench
	test bool
	file *ast.File
}

// ours reports whether a path is a Go file of this module. bench and examples
// hold modules of their own.
func ours(path string) bool {
	return strings.HasSuffix(path, ".go") &&
		!strings.HasPrefix(path, "bench/") && !strings.HasPrefix(path, "examples/")
}

// sources parses every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()

	var all []source

	for _, f := range texts(t, ours) {
		file, err := parser.ParseFile(
			token.NewFileSet(),
			f.path,
			f.content,
			parser.ParseComments|parser.SkipObjectResolution,
		)
		if err != nil {
			t.Errorf("%s: %v", f.path, err)
			continue
		}

		pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(f.path)), "internal/")
		all = append(
			all,
			source{path: f.path, pkg: pkg, test: strings.HasSuffix(f.path, "_test.go"), file: file},
		)
	}

	if len(all) == 0 {
		t.Fatal("no Go file found")
	}

	return all
}
