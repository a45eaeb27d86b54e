package app

import (
	"bytes"
	"strings"
	"testing"
)

func TestCommandPrintsItsVersionAndItsUsage(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		args      []string
		code      int
		out, errs string
	}{
		{[]string{"version"}, exitOK, Version() + "\n", ""},
		{[]string{"--version"}, exitOK, Version() + "\n", ""},
		{[]string{"--help"}, exitOK, usage, ""},
		{[]string{"wroker"}, exitUsage, "", "handler: unknown arguments [\"wroker\"]\n" + usage},
		{[]string{"worker", "x"}, exitUsage, "", "handler: unknown arguments [\"worker\" \"x\"]\n" + usage},
	} {
		var out, errs bytes.Buffer

		code := command(t.Context(), test.args, Options{}, &out, &errs)
		if code != test.code || out.String() != test.out || errs.String() != test.errs {
			t.Errorf("%v: got %d, %q, %q", test.args, code, out.String(), errs.String())
		}
	}
}

func TestConfigErrorListsEveryProblem(t *testing.T) {
	t.Parallel()

	got := (&ConfigError{Problems: []string{"one", "two"}}).Error()
	if !strings.HasPrefix(got, "one\ntwo\nSee ") {
		t.Errorf("got %q", got)
	}
}
