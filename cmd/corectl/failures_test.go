package main

import (
	"slices"
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

func TestFailuresLeadToTheirTasks(t *testing.T) {
	t.Parallel()

	plain := map[string]string{"NO_COLOR": "1"}
	fake := full(t)
	got := fake.run(outside{tty: true, env: plain}, "failures", idA)

	want := "ERROR     STAGE  TASKS  TRIES  INDEXES  PATTERN\n1c22e0f3  reply      1      5  1        no voice\n"
	if got.out != want || got.err != "tasks of one error: corectl tasks 3f9a --error 1c22e0f3\n" ||
		got.code != exitOK {
		t.Errorf("got %+v, want %q", got, want)
	}

	got = fake.run(outside{tty: true, env: plain}, "tasks", idA, "--error", "1C22E0F3", "--limit", "1")
	if !strings.Contains(got.out, "reply      1  failed") || got.code != exitOK {
		t.Errorf("got %+v", got)
	}

	if asked := "GET /jobs/" + idA + "/tasks?error=1c22e0f3a55b41d7&limit=1&status=failed"; !slices.Contains(
		fake.requests(),
		asked,
	) {
		t.Errorf("got %q, want %q", fake.requests(), asked)
	}
}

func TestFingerprintPrefixesAreAccepted(t *testing.T) {
	t.Parallel()

	group := func(f state.Fingerprint, stage, pattern string, tasks int) view.FailureGroup {
		return view.FailureGroup{Stage: stage, Fingerprint: f, Pattern: pattern, Tasks: tasks, Attempts: 1}
	}

	fake := newAPI(t).on("GET /jobs/"+idA+"/tasks", answer(200, page[view.TaskSummary](""))).
		on("GET /jobs/"+idA+"/failures", answer(200, page(
			"",
			group(noVoice, "reply", "no voice", 0),
			group(noVoice, "greeting", "no voice", 0),
			group(0x1c2200000000aaaa, "reply", "no\x1b ear", 0),
		)))
	for _, c := range []struct {
		id   string
		code int
		err  string
	}{
		{"1c22e", exitOK, "No task matches."},
		{"1c22", exitUsage, "1c22 matches more than one fingerprint:\n  1c22e0f3a55b41d7  no voice\n" +
			"  1c2200000000aaaa  no\\x1b ear\n"},
		{
			"beef", exitNotFound,
			"No error of 3f9a1c2e has a fingerprint that starts with beef. See `corectl failures 3f9a`.",
		},
		{"00000000deadbeef", exitOK, "No task matches."},
		{"1c2", exitUsage, `invalid fingerprint "1c2": use its 16 hex digits`},
		{"no voice", exitUsage, `invalid fingerprint "no voice"`},
	} {
		got := fake.run(outside{}, "tasks", idA, "--error", c.id)
		if got.code != c.code || !strings.Contains(got.err, c.err) {
			t.Errorf("%s: got %+v, want exit %d and %q", c.id, got, c.code, c.err)
		}
	}

	if got := fake.run(
		outside{},
		"tasks",
		idA,
		"--error",
		"1c22e",
		"--status",
		"running",
	); got.code != exitUsage ||
		!strings.Contains(got.err, "--error and --status running contradict each other.") {
		t.Errorf("got %+v", got)
	}

	if got := fake.run(
		outside{},
		"failures",
		idA,
		"-o",
		"name",
	); got.out != "1c2200000000aaaa\n1c22e0f3a55b41d7\n" {
		t.Errorf("an error of two stages is not listed once: %+v", got)
	}

	if got := fake.run(
		outside{},
		"failures",
		idA,
	); got.err != "No task failed with these errors: each attempt was retried.\n" {
		t.Errorf("got %+v", got)
	}
}
