package needs

import (
	"errors"
	"os"
	"testing"
)

// Program returns if err is nil. Otherwise the machine lacks the program: the
// test is skipped, with the commands that install the program and run the test.
// In CI, where every program must be there, the test fails.
func Program(t testing.TB, name string, err error) {
	t.Helper()

	if err == nil {
		return
	}

	const text = "%s is missing: %v. Install it with .ci/setup, then run: go test -run '^%s$' in this folder"

	if os.Getenv("CI") == "true" {
		t.Fatalf(text, name, err, t.Name())
	}

	t.Skipf(text, name, err, t.Name()) //nolint:forbidigo // the only place: everything else fails
}

// Installed returns if err is nil. If err is missing, which is the error for a
// program that is not installed, it ends the test as Program does. Any other
// error fails the test.
func Installed(t testing.TB, name string, err, missing error) {
	t.Helper()

	if errors.Is(err, missing) {
		Program(t, name, err)
	}

	if err != nil {
		t.Fatal(err)
	}
}
