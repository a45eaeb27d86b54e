package state_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"coremachine/internal/state"
)

func TestErrorsAreComparedByCode(t *testing.T) {
	t.Parallel()

	err := fmt.Errorf(
		"above: %w",
		state.Wrap(state.CodeNotFound, "state.Test", "no such job", errors.New("cause")),
	)
	if !errors.Is(err, &state.Error{Code: state.CodeNotFound}) ||
		errors.Is(err, &state.Error{Code: state.CodeInvalid}) {
		t.Error("errors.Is does not go by the code")
	}

	if got := state.CodeOf(err); got != state.CodeNotFound {
		t.Errorf("CodeOf = %s", got)
	}

	if got := state.CodeOf(errors.New("plain")); got != state.CodeInternal {
		t.Errorf("CodeOf of a plain error = %s", got)
	}
}

func TestCleanTextIsStorable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := string(
			rapid.SliceOf(rapid.Byte()).Draw(t, "in"),
		) + strings.Repeat(
			"\x00é",
			rapid.IntRange(0, 3000).Draw(t, "more"),
		)

		out := state.CleanText(in)
		if !utf8.ValidString(out) || strings.ContainsRune(out, 0) || len(out) > state.MaxErrorText {
			t.Errorf("CleanText left %q", out)
		}
	})
}
