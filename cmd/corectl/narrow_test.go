package main

import (
	"strings"
	"testing"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

func TestHintsAndErrorsWrapWithoutBreakingCommands(t *testing.T) {
	t.Parallel()

	fake := newAPI(t).on("GET /jobs/status/"+idA, answer(200, run3(state.JobCompletedWithErrors))).
		on("POST /jobs/submit/hello_world",
			answer(200, view.Submission{JobID: mustID(idA), Status: state.JobCompletedWithErrors, Attempt: 1}))
	for whole, args := range map[string][]string{
		"`corectl retry 3f9a`":         {"submit", "hello_world"},
		"`corectl jobs`":               {"status", idB},
		"`corectl help status`":        {"status"},
		"`corectl failures " + "3f9a`": {"tasks", idA, "--error", "x"},
	} {
		got := fake.run(outside{tty: true, width: 40, env: map[string]string{"NO_COLOR": "1"}}, args...)
		if !strings.Contains(got.err, whole) {
			t.Errorf("%q: %q is not complete in %q", args, whole, got.err)
		}

		for line := range strings.Lines(got.err) {
			if line = strings.TrimSuffix(line, "\n"); render.Width(line) > 40 && strings.Contains(line, " ") {
				t.Errorf("%q: %q is wider than 40", args, line)
			}
		}

		if piped := fake.run(outside{}, args...); strings.Count(piped.err, "\n") != 1 {
			t.Errorf("%q: wrapped without a terminal: %q", args, piped.err)
		}
	}
}

func TestDumbTerminalsPrintTheTimeOfDay(t *testing.T) {
	t.Parallel()

	dumb := outside{tty: true, env: map[string]string{"TERM": "dumb"}}

	got := full(t).run(dumb, "status", idA, "--watch")
	at := testNow.Local().Format("15:04:05 MST")

	if !strings.Contains(got.err, "\n"+at+" 3f9a1c2e job completed_with_errors ") ||
		strings.Contains(got.err, "2026-") {
		t.Errorf("got %q", got.err)
	}
}

func TestTypeExamplesContainRequiredParameters(t *testing.T) {
	t.Parallel()

	needy := helloWorld
	needy.Schema = []byte(
		`{"type":"object","required":["container"],"properties":{"container":{"type":"string",` +
			`"description":"Where to look"},` +
			`"limit":{"type":"integer","default":10}}}`,
	)
	fake := newAPI(t).on("GET /jobs/types", answer(200, page("", needy)))

	got := fake.run(
		outside{tty: true, width: 60, env: map[string]string{"NO_COLOR": "1"}},
		"types",
		"hello_world",
	)
	for _, want := range []string{
		"\n  container  string  required\n      Where to look\n",
		"\ncorectl submit hello_world container=… limit=10\n",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in %q", want, got.out)
		}
	}
}
