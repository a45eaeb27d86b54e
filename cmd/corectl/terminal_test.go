package main

import (
	"strings"
	"testing"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

func TestLastFrameRemains(t *testing.T) {
	t.Parallel()
	fake := newAPI(t).fresh().
		on("GET /jobs/status/"+idA, answer(200, run3(state.JobRunning)), answer(200, run3(state.JobCompleted)))

	got := fake.run(outside{tty: true}, "submit", "hello_world", "n=3", "--watch")
	if got.code != 0 || got.out != "" {
		t.Fatalf("got %+v", got)
	}

	last := got.err[strings.LastIndex(got.err, "\x1b[2A"):]
	for _, want := range []string{"greeting", "reply", "3/3", "✓ completed in 4.0 s · 6 tasks"} {
		if !strings.Contains(plain(last), want) {
			t.Errorf("%q is not in the last frame %q", want, last)
		}
	}

	if !strings.HasSuffix(got.err, "\x1b[J") || strings.Contains(got.err, "\x1b[?1049h") {
		t.Errorf("the frame does not remain: %q", got.err)
	}
}

func plain(text string) string {
	text = strings.NewReplacer("\x1b[K", "", "\x1b[J", "", "\x1b[2A", "").Replace(text)
	for _, ink := range []render.Ink{
		"0", render.Dim, render.Bold, render.Red, render.Green, render.Yellow, render.Blue,
	} {
		text = strings.ReplaceAll(text, "\x1b["+string(ink)+"m", "")
	}

	return text
}

func TestColoursAreOptional(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		o      outside
		args   []string
		colour bool
	}{
		"terminal": {outside{tty: true}, []string{"jobs"}, true},
		"no_color": {outside{tty: true, env: map[string]string{"NO_COLOR": "1"}}, []string{"jobs"}, false},
		"dumb":     {outside{tty: true, env: map[string]string{"TERM": "dumb"}}, []string{"jobs"}, false},
		"never":    {outside{tty: true}, []string{"jobs", "--color", "never"}, false},
		"pipe":     {outside{}, []string{"jobs"}, false},
		"watch": {
			outside{tty: true, env: map[string]string{"TERM": "dumb"}},
			[]string{"status", idA, "--watch", "--allow-errors"},
			false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got := full(t).run(c.o, c.args...)
			if has := strings.Contains(got.out+got.err, "\x1b"); has != c.colour || got.code != 0 {
				t.Errorf("got %+v, want escapes %v", got, c.colour)
			}
		})
	}
}

func TestNarrowTerminalsKeepIDsWhole(t *testing.T) {
	t.Parallel()

	for _, width := range []int{40, 80} {
		for _, args := range [][]string{
			{"jobs"},
			{"status", idA},
			{"tasks", idA},
			{"failures", idA},
			{"dlq", "list", "tasks"},
			{"types"},
			{"types", "hello_world"},
		} {
			got := full(
				t,
			).run(outside{tty: true, width: width, env: map[string]string{"NO_COLOR": "1"}}, args...)
			if got.code != 0 {
				t.Errorf("%v: got %+v", args, got)
			}

			for line := range strings.Lines(got.out) {
				if render.Width(strings.TrimSuffix(line, "\n")) > width {
					t.Errorf("%v: wider than %d columns: %q", args, width, line)
				}
			}

			if strings.Contains(got.out, "3f9a1") && !strings.Contains(got.out, "3f9a1c2e") {
				t.Errorf("%v: a broken id in %q", args, got.out)
			}
		}
	}
}

func TestASCIIModePrintsOnlyASCII(t *testing.T) {
	t.Parallel()

	for _, args := range [][]string{
		{"submit", "hello_world", "--watch", "--allow-errors"},
		{"status", idA},
		{"jobs", "--limit", "1"},
		{"failures", idA},
		{"retry", idA, "--yes"},
		{"types", "hello_world"},
	} {
		got := full(t).run(outside{tty: true}, append(args, "--ascii")...)
		for _, r := range got.out + got.err {
			if r > 126 {
				t.Errorf("%v: %q in %q", args, r, got.out+got.err)
				break
			}
		}
	}
}

func TestPlainLinesNameTheFirstFailureBeforeTheEndOfItsStage(t *testing.T) {
	t.Parallel()
	fake := full(t)
	got := fake.run(outside{}, "status", idA, "--watch")
	failure := strings.Index(got.err, `stage=reply first failure task=1 "no voice"`)

	end := strings.Index(got.err, "stage=reply completed")
	if failure < 0 || end < failure {
		t.Errorf("got %s", got.err)
	}
}

func TestEventsCanBeFollowed(t *testing.T) {
	t.Parallel()

	first := view.EventView{EventID: 1, At: testNow, Kind: "job_started"}
	second := view.EventView{EventID: 2, At: testNow, Kind: "job_completed"}
	fake := newAPI(
		t,
	).on("GET /jobs/status/"+idA, answer(200, run3(state.JobRunning)), answer(200, run3(state.JobCompleted))).
		on("GET /jobs/"+idA+"/events", answer(200, page("", first)), answer(200, page("", second)))

	got := fake.run(outside{}, "events", idA, "-f", "-o", "name")
	if got.out != "1\n2\n" || got.code != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestHelpFitsOneScreenAndNeedsNoAPI(t *testing.T) {
	t.Parallel()
	fake := newAPI(t)

	got := fake.run(outside{})
	if lines := strings.Count(got.out, "\n"); lines > 23 || got.code != 0 ||
		!strings.HasPrefix(got.out, "corectl runs and watches jobs.\n\n  corectl submit ") {
		t.Errorf("%d lines, which with the prompt are not 24: %s", lines, got.out)
	}

	for line := range strings.Lines(got.out) {
		if render.Width(line) > 81 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}

	for _, args := range [][]string{
		{"help"},
		{"help", "submit"},
		{"submit", "--help"},
		{"dlq", "redrive", "-h"},
		{"help", "exit-codes"},
		{"help", "output"},
		{"help", "environment"},
		{"--help"},
	} {
		got := fake.run(outside{}, args...)
		if got.code != 0 || got.out == "" || got.err != "" {
			t.Errorf("%v: got %+v", args, got)
		}

		for line := range strings.Lines(got.out) {
			if render.Width(line) > 81 {
				t.Errorf("%v: too wide: %q", args, line)
			}
		}
	}

	if got := fake.run(outside{}, "help", "exit-kodes"); got.code != exitUsage ||
		!strings.Contains(got.err, `did you mean "exit-codes"?`) {
		t.Errorf("got %+v", got)
	}

	if len(fake.requests()) > 0 {
		t.Errorf("help sent requests: %q", fake.requests())
	}
}

func TestCompletionSendsNoRequests(t *testing.T) {
	t.Parallel()
	fake, dir := newAPI(t).fresh(), t.TempDir()
	fake.run(outside{state: dir}, "submit", "hello_world")

	before := len(fake.requests())
	for want, words := range map[string][]string{
		"schedules\nstart\nstatus\nsubmit\nsweep\n": {"s"},
		"list\nredrive\n":                   {"dlq", ""},
		"--limit\n":                         {"jobs", "--l"},
		"failed\n":                          {"jobs", "--status", "f"},
		"cancelled\ncompleted\n":            {"tasks", "@last", "--status", "c"},
		idA + "\n":                          {"failures", "3"},
		idA + "\n@last\n":                   {"--url", "x", "status", ""},
		"json\njsonl\n":                     {"jobs", "-o", "js"},
		"jobs\nlong-tasks\ntasks\n":         {"dlq", "list", ""},
		"bash\n":                            {"completion", "b"},
		"environment\nevents\nexit-codes\n": {"help", "e"},
	} {
		got := fake.run(outside{state: dir}, append([]string{"__complete", "--"}, words...)...)
		if got.out != want || got.code != 0 {
			t.Errorf("%q: got %+v, want %q", words, got, want)
		}
	}

	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := fake.run(
			outside{},
			"completion",
			shell,
		); !strings.Contains(got.out, "corectl __complete --") ||
			got.code != 0 {
			t.Errorf("%s: got %+v", shell, got)
		}
	}

	if len(fake.requests()) != before {
		t.Errorf("completion sent a request")
	}
}
