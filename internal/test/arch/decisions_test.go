package arch

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var decisionFile = regexp.MustCompile(`^docs/adr/(\d{4})-[a-z0-9-]+\.md$`)

// TestDecisionsHaveNumberDateAndStatus checks the head of each decision record
// and its row in the index.
func TestDecisionsHaveNumberDateAndStatus(t *testing.T) {
	t.Parallel()

	index := document(t, "docs/adr/README.md")
	records := texts(t, func(path string) bool { return decisionFile.MatchString(filepath.ToSlash(path)) })
	head := regexp.MustCompile(`^# (\d+)\. (.+)\n\n- Date: (\d{4}-\d{2}-\d{2})\n- Status: ([a-z]+)`)

	for i, r := range records {
		m := head.FindStringSubmatch(r.content)
		if m == nil {
			t.Errorf("%s: want a title with the number, then the date and the status", r.path)
			continue
		}

		name := filepath.Base(r.path)
		if want := fmt.Sprintf("%04d-", i+1); !strings.HasPrefix(name, want) || m[1] != strconv.Itoa(i+1) {
			t.Errorf("%s: number %s, want %d", r.path, m[1], i+1)
		}

		row := fmt.Sprintf("| [%s](%s) | %s | %s | %s |", m[1], name, m[2], m[3], m[4])
		if !strings.Contains(index, row) {
			t.Errorf("docs/adr/README.md: missing row %q", row)
		}
	}

	if len(records) < 8 {
		t.Errorf("found %d records", len(records))
	}
}
