package state_test

import (
	"testing"

	"coremachine/internal/state"
)

func TestVisibleTextShowsWhatChangesTheTextAroundIt(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"plain ä 🙂\n\tnext":     "plain ä 🙂\n\tnext",
		"\x1b[31mred":           `\x1b[31mred`,
		"a\rb\x00\x7f":          `a\rb\x00\x7f`,
		"\u0085\u202eevil":      `\u0085\u202eevil`,
		"\u2066x\u2069\ufeff":   `\u2066x\u2069\ufeff`,
		"\xff":                  "\uFFFD",
		"a\u200bb\u00adc\u2028": `a\u200bb\u00adc\u2028`,
		"\u3164\U000e0041":      `\u3164\U000e0041`,
		"שלום ❤\ufe0f":          "שלום ❤\ufe0f",
	} {
		if got := state.VisibleText(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
