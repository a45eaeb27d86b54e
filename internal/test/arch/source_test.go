package arch

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

	all, err := readTexts(want)
	if err != nil {
		t.Fatal(err)
	}

	return all
}

func readTexts(want func(path string) bool) ([]text, error) {
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

	return all, err
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

// sources returns every Go file of the module. The tests share the parsed files
// and do not change them.
func sources(t *testing.T) []source {
	t.Helper()

	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}

	return all
}

var parsed = sync.OnceValues(func() ([]source, error) {
	files, err := readTexts(ours)
	if err != nil {
		return nil, err
	}

	var all []source

	for _, f := range files {
		file, err := parser.ParseFile(
			token.NewFileSet(),
			f.path,
			f.content,
			parser.ParseComments|parser.SkipObjectResolution,
		)
		if err != nil {
			return nil, err
		}

		pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(f.path)), "internal/")
		all = append(
			all,
			source{path: f.path, pkg: pkg, test: strings.HasSuffix(f.path, "_test.go"), file: file},
		)
	}

	if len(all) == 0 {
		return nil, errors.New("no Go file found")
	}

	return all, nil
})
