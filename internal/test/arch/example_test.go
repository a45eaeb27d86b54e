package arch

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExampleUsesTheVersionsOfThisModule compares examples/wordcount, which is
// an outside module, with the files that it takes from this one.
func TestExampleUsesTheVersionsOfThisModule(t *testing.T) {
	t.Parallel()

	const example = "examples/wordcount/"

	document(t, example+"cmd/handler/main.go") // an ignore rule once kept it out of the repository

	want, got := requirements(document(t, "go.mod")), requirements(document(t, example+"go.mod"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%sgo.mod (-want +got):\n%s", example, diff)
	}

	same := []string{"go.sum", "host.json", "local.settings.json"}

	for _, f := range texts(t, func(path string) bool { return filepath.Dir(path) == "function.json" }) {
		same = append(same, filepath.ToSlash(f.path))
	}

	if len(same) < 8 {
		t.Errorf("found %d files to compare", len(same))
	}

	for _, path := range same {
		if document(t, path) != document(t, example+path) {
			t.Errorf("%s%s differs from %s: copy it", example, path, path)
		}
	}
}

func requirements(mod string) []string {
	var all []string

	for line := range strings.Lines(mod) {
		if words := strings.Fields(line); len(words) >= 2 && strings.Contains(words[0], ".") {
			all = append(all, words[0]+" "+words[1])
		}
	}

	slices.Sort(all)

	return all
}
