package needs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"coremachine/internal/test/needs"
)

// verdict records how a test ended.
type verdict struct {
	testing.TB

	text string
}

func (v *verdict) Helper()                     {}
func (v *verdict) Name() string                { return "TestX" }
func (v *verdict) Skipf(f string, args ...any) { v.text = "skipped: " + fmt.Sprintf(f, args...) }
func (v *verdict) Fatalf(f string, args ...any) {
	v.text = "failed: " + fmt.Sprintf(f, args...)
	panic(v)
}

func (v *verdict) Fatal(args ...any) {
	if v.text == "" { // a skip ends a test, except this one
		v.text = "failed: " + fmt.Sprint(args...)
	}

	panic(v)
}

func TestMissingProgramSkipsAndFailsInCI(t *testing.T) { //nolint:paralleltest // it sets the environment
	const rest = "node is missing: not found. Install it with .ci/setup, " +
		"then run: go test -run '^TestX$' in this folder"

	for ci, want := range map[string]string{"": "skipped: " + rest, "true": "failed: " + rest} {
		t.Setenv("CI", ci)

		v := &verdict{TB: t}

		func() {
			defer func() { _ = recover() }() // Fatalf ends a test

			needs.Program(v, "node", nil)

			if v.text != "" {
				t.Errorf("CI=%q: a program that is there ends the test: %s", ci, v.text)
			}

			needs.Program(v, "node", errors.New("not found"))
		}()

		if v.text != want {
			t.Errorf("CI=%q: got %q, want %q", ci, v.text, want)
		}
	}
}

func TestOnlyTheErrorOfAMissingProgramSkips(t *testing.T) {
	t.Parallel()

	missing := errors.New("not installed")
	run := func(err error) string {
		v := &verdict{TB: t}

		func() {
			defer func() { _ = recover() }() // Fatalf and Fatal end a test

			needs.Installed(v, "node", err, missing)
		}()

		return v.text
	}

	if got := run(nil); got != "" {
		t.Errorf("a program that is there ends the test: %s", got)
	}

	want := ": node is missing: start: not installed."
	if got := run(fmt.Errorf("start: %w", missing)); !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	if got, want := run(errors.New("port in use")), "failed: port in use"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
