package arch

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestHandlerContainsNoStandInsOrTests follows the imports of the executable
// that runs in production: nothing below internal/dev, internal/test or bench
// may be in it.
func TestHandlerContainsNoStandInsOrTests(t *testing.T) {
	t.Parallel()

	imports := map[string][]string{}

	for _, s := range sources(t) {
		if s.test {
			continue
		}

		dir := filepath.ToSlash(filepath.Dir(s.path))

		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}

			if below, ours := strings.CutPrefix(path, "coremachine/"); ours {
				imports[dir] = append(imports[dir], below)
			}
		}
	}

	seen, queue := map[string]bool{}, []string{"cmd/handler"}
	for len(queue) > 0 {
		next := queue[0]

		queue = queue[1:]

		if seen[next] {
			continue
		}

		seen[next] = true

		queue = append(queue, imports[next]...)
	}

	if len(seen) < 15 {
		t.Errorf("found %d packages in cmd/handler", len(seen))
	}

	outside := []string{"internal/dev/", "internal/test/", "bench/", "cmd/corectl"}
	for name := range seen {
		if slices.ContainsFunc(outside, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			t.Errorf("cmd/handler contains %s", name)
		}
	}
}
