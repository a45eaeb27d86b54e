package render

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrapKeepsWordsAndCommandsWhole(t *testing.T) {
	t.Parallel()

	const text = "No job 3f9a1c2e at http://127.0.0.1:7071/api. See `corectl jobs --since 24h`, or `unfinished business"
	for columns, want := range map[int][]string{
		0: {text},
		10: {
			"No job", "3f9a1c2e", "at", "http://127.0.0.1:7071/api.", "See", "`corectl jobs --since 24h`,",
			"or `unfinished business",
		},
		40: {
			"No job 3f9a1c2e at", "http://127.0.0.1:7071/api. See",
			"`corectl jobs --since 24h`, or `unfinished business",
		},
	} {
		if diff := cmp.Diff(want, Wrap(text, columns)); diff != "" {
			t.Errorf("%d columns: %s", columns, diff)
		}
	}
}

func TestHangIndentsContinuationLines(t *testing.T) {
	t.Parallel()

	for columns, want := range map[int][]string{
		0:  {"ok    storage: no account is configured"},
		32: {"ok    storage: no account is", "               configured"},
		24: {"ok    storage:", "  no account is", "  configured"},
	} {
		if diff := cmp.Diff(want, Hang("ok    storage: ", "no account is configured", columns)); diff != "" {
			t.Errorf("%d columns: %s", columns, diff)
		}
	}
}
