package state_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"coremachine/internal/state"
)

func TestLogTextIsBounded(t *testing.T) {
	t.Parallel()

	for _, text := range []string{
		strings.Repeat("x", 1<<20), strings.Repeat("\x1b", 1<<20), strings.Repeat("ä", state.MaxLogText),
	} {
		got := state.LogText(text)
		if len(got) > state.MaxLogText || len(got) < state.MaxLogText-8 || !utf8.ValidString(got) {
			t.Errorf("%.8q…: got %d bytes", text, len(got))
		}
	}
}
