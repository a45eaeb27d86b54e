package arch

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const dependencies = "docs/adr/dependencies.md"

// TestDependenciesHaveARow compares the table of dependencies with the imports.
// The first cell of a row is the path of a module.
func TestDependenciesHaveARow(t *testing.T) {
	t.Parallel()

	used := map[string]bool{}

	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
	for _, m := range row.FindAllStringSubmatch(document(t, dependencies), -1) {
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
