package arch

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// requirement is the sentence on what a reader must install.
const requirement = "You need Go, git and make, on Linux or macOS. Jobs over blobs, such as " +
	"`container_list` and `process_raster`, also need Node.js 18 or later."

var (
	needsGo     = regexp.MustCompile(`You need Go.{0,200}`)
	leaseEnds   = regexp.MustCompile(`lease[^.|]{0,60} within 15 s`)
	requeued    = regexp.MustCompile(`within 20 s`)
	betweenText = regexp.MustCompile(`\n\n|\n\||\n- `)
)

// guides are the pages for readers, including that of a new project.
func guides(path string) bool {
	return filepath.Ext(path) == ".md" && !strings.HasPrefix(path, "docs/adr/") && path != "CHANGELOG.md" ||
		strings.HasSuffix(path, ".md.tmpl")
}

// TestPagesPromiseTheSame compares what pages say about the same requirement and
// about the same time limit.
func TestPagesPromiseTheSame(t *testing.T) {
	t.Parallel()

	needs, leases := 0, 0

	for _, f := range texts(t, guides) {
		for _, paragraph := range betweenText.Split(f.content, -1) {
			text := strings.Join(strings.Fields(paragraph), " ")

			if found := needsGo.FindString(text); found != "" {
				needs++

				if !strings.HasPrefix(found, requirement) {
					t.Errorf("%s says %q, want %q", f.path, found, requirement)
				}
			}

			if leaseEnds.MatchString(text) {
				leases++

				if !requeued.MatchString(text) {
					t.Errorf("%s says when a lease ends, but not that work is requeued within 20 s: %q", f.path, text)
				}
			}
		}
	}

	if needs < 4 || leases < 5 {
		t.Errorf("found %d pages with requirements and %d with leases", needs, leases)
	}
}
