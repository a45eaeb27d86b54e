package coremachine

import (
	"strings"

	"coremachine/internal/state"
)

// failureText returns what users read: all that the error says, with what the
// handler wrapped around it or joined to it, but without the engine's operation
// names.
func failureText(err error) string {
	text := err.Error()

	visitErrors(err, func(e *state.Error) {
		if e.Op != "" {
			text = strings.Replace(text, e.Op+": "+e.Msg, e.Msg, 1)
		}
	})

	return text
}

// stackOf returns the stack of the first panic in an error's tree.
func stackOf(err error) (stack string) {
	visitErrors(err, func(e *state.Error) {
		if stack == "" {
			stack = e.Stack
		}
	})

	return stack
}

// visitErrors calls visit for each state.Error in an error's tree. errors.As
// stops at the first, which may be one that an As method made up.
func visitErrors(err error, visit func(*state.Error)) {
	if e, ok := err.(*state.Error); ok && e != nil { //nolint:errorlint // each node of the tree is looked at
		visit(e)
	}

	switch inner := err.(type) { //nolint:errorlint // each node of the tree is looked at
	case interface{ Unwrap() error }:
		visitErrors(inner.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, one := range inner.Unwrap() {
			visitErrors(one, visit)
		}
	}
}
