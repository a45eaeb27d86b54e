package main

import (
	"go/format"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEntriesAreSortedIntoTheLiteral(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct{ source, want string }{
		"between": {
			"package jobs\n\n// All is every job.\n" +
				"var All = map[string]Job{\n\t\"a\": A,\n\t// about z\n\t\"zeta\": Z, // kept\n}\n",
			"package jobs\n\n// All is every job.\n" +
				"var All = map[string]Job{\n\t\"a\":   A,\n\t\"mid\": Mid,\n\t// about z\n\t\"zeta\": Z, // kept\n}\n",
		},
		"last": {
			"package jobs\n\nvar All = map[string]Job{\n\t\"a\": A,\n}\n",
			"package jobs\n\nvar All = map[string]Job{\n\t\"a\":   A,\n\t\"mid\": Mid,\n}\n",
		},
		"grouped": {
			"package jobs\n\nvar All = map[string]Job{\n\t\"zeta\": Z,\n\n\t\"alpha_and_more\": A,\n}\n",
			"package jobs\n\nvar All = map[string]Job{\n\t\"zeta\": Z,\n\n\t\"alpha_and_more\": " +
				"A,\n\n\t\"mid\": Mid,\n}\n",
		},
		"empty": {
			"package jobs\n\nvar All = map[string]Job{}\n",
			"package jobs\n\nvar All = map[string]Job{\n\t\"mid\": Mid,\n}\n",
		},
		"line": {
			"package jobs\n\nvar All = map[string]Job{\"a\": A}\n",
			"package jobs\n\nvar All = map[string]Job{\"a\": A,\n\t\"mid\": Mid,\n}\n",
		},
	} {
		got, err := addEntries([]byte(c.source), []mapEntry{{`"mid"`, "Mid"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}

		if clean, err := format.Source(got); err != nil || string(clean) != string(got) {
			t.Errorf("%s: not formatted: %v", name, err)
		}
	}
}

func TestInvalidEntriesAreRejected(t *testing.T) {
	t.Parallel()

	for name, source := range map[string]string{
		"twice":         "package jobs\n\nvar All = map[string]Job{\"mid\": A}\n",
		"twice_grouped": "package jobs\n\nvar All = map[string]Job{\n\t\"a\": A,\n\n\t\"mid\": A,\n}\n",
		"no_map":        "package jobs\n", "no_go": "{",
	} {
		if _, err := addEntries([]byte(source), []mapEntry{{`"mid"`, "Mid"}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
