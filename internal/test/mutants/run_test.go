package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPatchesApplyAndNameTests is the cheap part of `make mutants`. A change of
// code that a patch modifies fails this test immediately, and not only the run
// of all mutants.
func TestPatchesApplyAndNameTests(t *testing.T) {
	t.Chdir("../../..")

	all, err := read("")
	if err != nil {
		t.Fatal(err)
	}

	for _, m := range all {
		out, err := exec.CommandContext(t.Context(), "git", "apply", "--check", m.path).CombinedOutput()
		if err != nil {
			t.Errorf("%s does not apply: %v\n%s", m.name, err, out)
		}

		test, _, _ := strings.Cut(m.test, "/")

		files, err := filepath.Glob(filepath.Join(m.pkg, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s names the package %s, which has no tests; %v", m.name, m.pkg, err)
			continue
		}

		grep := exec.CommandContext(
			t.Context(),
			"grep",
			append([]string{"-q", "^func " + test + "("}, files...)...)
		if err := grep.Run(); err != nil {
			t.Errorf("%s names the test %s, which is not in %s", m.name, test, m.pkg)
		}
	}
}
