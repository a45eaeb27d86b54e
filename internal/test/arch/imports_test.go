package arch

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestImportsFollowTheTable(t *testing.T) {
	t.Parallel()

	seen := map[string]bool{}
	for _, s := range sources(t) {
		seen[s.pkg] = true

		i := slices.IndexFunc(table, func(r row) bool { return r.pkg == s.pkg })
		if i < 0 {
			t.Errorf("%s: package %s is not in the table of imports", s.path, s.pkg)
			continue
		}

		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Errorf("%s: %v", s.path, err)
				continue
			}

			below, ours := strings.CutPrefix(path, "coremachine/")
			if below = strings.TrimPrefix(below, "internal/"); ours && !allowed(table[i], s, below) {
				t.Errorf("%s: package %s may not import %s", s.path, s.pkg, below)
			}
		}
	}

	for _, r := range table {
		if !seen[r.pkg] {
			t.Errorf("the table of imports has a row for %s, which does not exist", r.pkg)
		}

		for _, other := range slices.Concat(r.may, r.tests) {
			if other != anything && !seen[other] && !strings.HasPrefix(other, "third_party/") {
				t.Errorf("the row of %s names %s, which does not exist", r.pkg, other)
			}
		}
	}
}

func allowed(r row, s source, imported string) bool {
	if slices.Contains(common, imported) || slices.Contains(r.may, anything) || slices.Contains(r.may, imported) {
		return true
	}

	return s.test &&
		(imported == s.pkg || slices.Contains(r.tests, imported) || slices.Contains(testHelpers, imported))
}

func TestModuleReplacesNothing(t *testing.T) {
	t.Parallel()

	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}

	for line := range strings.Lines(string(mod)) {
		if strings.HasPrefix(strings.TrimSpace(line), "replace") {
			t.Errorf(
				"go.mod: %q: remove the replace directive: builds must use the listed versions",
				strings.TrimSpace(line),
			)
		}
	}
}
