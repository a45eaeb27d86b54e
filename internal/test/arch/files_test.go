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

// elsewhere are names that tie the repository to one machine or one network:
// the part that each contains, and what may stand around it. They are assembled
// from pieces, so that this file does not contain them.
var elsewhere = []place{
	named("", `proxy.golang`+`.org`, ""),
	named("", `registry.npm`+`js`, ""),
	named("", `deb.debian`+`.org`, ""),
	named("", `py`+`pi.org`, ""),
	named("", `repo1.mav`+`en`, ""),
	named(`(^|[^.\w/])`, `/ro`+`ot/`, ""),
	named(`(^|[^.\w/])`, `/ho`+`me/`, `\w`),
	named(`(^|[^.\w/])`, `/Us`+`ers/`, `\w`),
	named(`(^|[^.\w/])`, `/wo`+`rk/`, ""),
}

type place struct {
	part    string
	pattern *regexp.Regexp
}

func named(before, part, after string) place {
	return place{part, regexp.MustCompile(before + regexp.QuoteMeta(part) + after)}
}

func TestFilesDoNotNameMachinesOrRegistries(t *testing.T) {
	t.Parallel()

	built := []string{"handler", "go.sum"}

	for _, f := range texts(t, func(path string) bool { return !slices.Contains(built, path) }) {
		if strings.ContainsRune(f.content, 0) {
			continue // an image or the like
		}

		for _, e := range elsewhere {
			if !strings.Contains(f.content, e.part) {
				continue // looking for the part is much faster
			}

			for n, line := range strings.Split(f.content, "\n") {
				if found := e.pattern.FindString(line); found != "" {
					t.Errorf("%s:%d: %q", f.path, n+1, found)
				}
			}
		}
	}
}
