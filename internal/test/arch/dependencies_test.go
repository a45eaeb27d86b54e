package arch

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const dependencies = "docs/adr/dependencies.md"

var moduleRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// TestDependenciesHaveARow compares the table of dependencies with the imports.
// The first cell of a row is the path of a module.
func TestDependenciesHaveARow(t *testing.T) {
	t.Parallel()

	used := map[string]bool{}

	for _, m := range moduleRow.FindAllStringSubmatch(document(t, dependencies), -1) {
		used[m[1]] = false
	}

	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Errorf("%s: %v", s.path, err)
				continue
			}

			host, _, _ := strings.Cut(path, "/")
			if !strings.Contains(host, ".") {
				continue
			}

			if module, found := moduleOf(used, path); found {
				used[module] = true
			} else {
				t.Errorf("%s: %s has no row for %s", s.path, dependencies, path)
			}
		}
	}

	for module, is := range used {
		if !is {
			t.Errorf("%s: no file imports %s", dependencies, module)
		}
	}
}

func moduleOf(modules map[string]bool, path string) (string, bool) {
	for module := range modules {
		if path == module || strings.HasPrefix(path, module+"/") {
			return module, true
		}
	}

	return "", false
}

// TestDependenciesOfBenchmarksAreListed compares the list of the module of the
// benchmarks with its direct requirements. A module that has a row for the
// product needs no second entry.
func TestDependenciesOfBenchmarksAreListed(t *testing.T) {
	t.Parallel()

	text := document(t, dependencies)
	product := map[string]bool{}

	for _, m := range moduleRow.FindAllStringSubmatch(text, -1) {
		product[m[1]] = true
	}

	var want, got []string

	entry := regexp.MustCompile("(?m)^- `([^`]+)`:")
	for _, m := range entry.FindAllStringSubmatch(text, -1) {
		got = append(got, m[1])
	}

	require := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`) // direct: without a comment
	for _, m := range require.FindAllStringSubmatch(document(t, "bench/go.mod"), -1) {
		if _, found := moduleOf(product, m[1]); !found && m[1] != "coremachine" {
			want = append(want, m[1])
		}
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-bench/go.mod +list):\n%s", dependencies, diff)
	}
}
