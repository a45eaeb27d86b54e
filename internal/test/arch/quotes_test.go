package arch

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var quote = regexp.MustCompile("(?s)<!-- quoted from (\\S+) -->\n```go\n(.*?)```")

// TestDocQuotesAreCurrent compares each block that a page quotes with the file
// that it names, whose tests run it.
func TestDocQuotesAreCurrent(t *testing.T) {
	t.Parallel()

	quotes := 0

	for _, f := range texts(t, func(path string) bool { return filepath.Ext(path) == ".md" }) {
		for _, m := range quote.FindAllStringSubmatch(f.content, -1) {
			quotes++

			if !strings.Contains(document(t, m[1]), m[2]) {
				t.Errorf("%s: %s does not contain the block\n%s", f.path, m[1], m[2])
			}
		}
	}

	if quotes < 3 {
		t.Errorf("found %d quotes", quotes)
	}
}
