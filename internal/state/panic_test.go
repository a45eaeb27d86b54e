package state_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"coremachine/internal/state"
)

// caught runs fn and makes the Error of its panic.
func caught(fn func()) (e *state.Error) {
	defer func() {
		if v := recover(); v != nil {
			e = state.Panicked(state.CodePanic, "test.Op", "the handler", v)
		}
	}()

	fn()

	return nil
}

type node struct{ next *node }

func recurse(n *node, depth int) int {
	if depth == 0 {
		return recurse(n.next, -1)
	}

	return recurse(n, depth-1) + 1
}

func TestPanickedNamesItsFirstOwnFrame(t *testing.T) {
	t.Parallel()

	var (
		empty []int
		none  *node
	)

	index := -1

	for name, fn := range map[string]func(){
		"Value":             func() { panic("boom") },
		"Error":             func() { panic(errors.New("boom")) },
		"NilDereference":    func() { _ = none.next },
		"Index":             func() { _ = empty[len(empty)] },
		"InTheLibrary":      func() { _ = strings.Repeat("x", index) },
		"AgainWhileUnwound": func() { defer func() { panic("again") }(); panic("boom") },
		"Deep":              func() { recurse(none, 1000) },
	} {
		e := caught(fn)
		if !regexp.MustCompile(`^the handler panicked at internal/state/panic_test\.go:\d+: .+`).
			MatchString(e.Msg) {
			t.Errorf("%s: the message is %q", name, e.Msg)
		}

		if strings.Contains(e.Stack, "state.Panicked") ||
			!strings.Contains(e.Stack, "\tinternal/state/panic_test.go:") {
			t.Errorf("%s: the stack is %s", name, e.Stack)
		}

		if strings.Contains(e.Stack, "\t/") || len(e.Stack) > state.MaxStack {
			t.Errorf("%s: the stack has %d bytes: %s", name, len(e.Stack), e.Stack)
		}

		if strings.Contains(e.Error(), "goroutine") || strings.Contains(e.Error(), "\t") {
			t.Errorf("%s: the text holds the stack: %s", name, e.Error())
		}
	}
}

// generic frames have brackets in their names, methods and closures have dots.
type generic[T any] struct{ v T }

func (g generic[T]) fail() { func() { panic(fmt.Sprint(g.v)) }() }

func TestPanickedReadsFramesOfGenericCode(t *testing.T) {
	t.Parallel()

	e := caught(func() { generic[struct{ Name string }]{}.fail() })
	if !strings.Contains(e.Msg, " at internal/state/panic_test.go:") {
		t.Errorf("the message is %q", e.Msg)
	}
}
