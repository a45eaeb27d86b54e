package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var testName = regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")

// TestDocReliabilityNamesExistingTests compares docs/reliability.md with the
// tests in the tree.
func TestDocReliabilityNamesExistingTests(t *testing.T) {
	t.Parallel()

	doc, err := os.ReadFile("../../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}

	var all strings.Builder

	for _, root := range []string{"../../../internal", "../../../cmd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}

			b, err := os.ReadFile(path) //nolint:gosec // a file of the repository
			all.Write(b)

			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	named := testName.FindAllStringSubmatch(string(doc), -1)
	if len(named) < 30 {
		t.Errorf("the page names only %d tests", len(named))
	}

	for _, m := range named {
		if !strings.Contains(all.String(), "func "+m[1]+"(") {
			t.Errorf("docs/reliability.md names %s, which does not exist", m[1])
		}
	}
}
