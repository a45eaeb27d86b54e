package arch

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	maxLines        = 400 // limit of a hand-written file
	maxLinesHandler = 40  // limit of cmd/handler/main.go, which only parses flags and calls app
)

func TestFilesStayReadable(t *testing.T) {
	t.Parallel()

	written := func(path string) bool {
		return slices.Contains(
			[]string{".go", ".sql", ".html", ".js", ".css", ".sh", ".tmpl", ".yaml"},
			filepath.Ext(path),
		)
	}
	for _, f := range texts(t, written) {
		lines := strings.Count(f.content, "\n")
		if lines > maxLines {
			t.Errorf("%s: %d lines, want at most %d: split it by subject", f.path, lines, maxLines)
		}

		if f.path == "cmd/handler/main.go" && lines > maxLinesHandler {
			t.Errorf("%s: %d lines, want at most %d", f.path, lines, maxLinesHandler)
		}
	}
}

// elsewhere are names that tie the repository to one machine or one network.
// They are assembled from pieces, so that this file does not contain them.
var elsewhere = regexp.MustCompile(strings.Join([]string{
	`proxy\.golang` + `\.org`,
	`registry\.npm` + `js`,
	`deb\.debian` + `\.org`,
	`py` + `pi\.org`,
	`repo1\.mav` + `en`,
	`(^|[^.\w/])/ro` + `ot/`,
	`(^|[^.\w/])/ho` + `me/\w`,
	`(^|[^.\w/])/Us` + `ers/\w`,
	`(^|[^.\w/])/wo` + `rk/`,
}, "|"))

func TestFilesDoNotNameMachinesOrRegistries(t *testing.T) {
	t.Parallel()

	built := []string{"handler", "go.sum"}

	for _, f := range texts(t, func(path string) bool { return !slices.Contains(built, path) }) {
		if strings.ContainsRune(f.content, 0) {
			continue // an image or the like
		}

		for n, line := range strings.Split(f.content, "\n") {
			if found := elsewhere.FindString(line); found != "" {
				t.Errorf("%s:%d: %q", f.path, n+1, found)
			}
		}
	}
}
