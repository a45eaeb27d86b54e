package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// aTask is a failed task with hostile texts.
func aTask() view.TaskView {
	return view.TaskView{
		TaskSummary: view.TaskSummary{
			JobID: mustID(idA), Stage: "reply", Index: 7, Status: state.TaskFailed, Attempt: 4, Failures: 1,
			StartedAt: ago(3200 * 1e6), FinishedAt: ago(2 * 1e9), Error: "no voice",
		},
		Key: "key-1", InputComputed: true, Input: []byte(`{"n":7,"big":12345678901234567890}`),
		TraceURL: "https://logs.example.com/x",
		Attempts: []view.AttemptView{
			{
				Attempt: 4, Outcome: "panic", Final: true,
				Error: "no\x1b[31m voice", Stack: "reply(...)\n\treply.go:3",
				Worker: "host 7", StartedAt: ago(3200 * 1e6), EndedAt: *ago(2 * 1e9),
			},
			{Attempt: 1, Outcome: "lost", Error: "worker lost", EndedAt: *ago(60 * 1e9)},
		},
	}
}

func someLogs() []view.TaskLogView {
	line := func(level, text string) state.LogLine {
		return state.LogLine{At: testNow, Level: level, Text: text}
	}

	return []view.TaskLogView{
		{Attempt: 4, LoggedAt: testNow, Dropped: 4, Lines: []state.LogLine{
			line("INFO", "begin"), line("ERROR", "no\x1b voice\n14:02:30.000 INFO  forged"),
		}},
		{Attempt: 1, LoggedAt: testNow, Lines: []state.LogLine{line("WARN", "first")}},
	}
}

// logged is the time of the lines, as people read it.
func logged() string { return testNow.Local().Format("2006-01-02 15:04:05.000 MST") }

func taskAPI(t *testing.T) *api {
	t.Helper()

	return full(t).
		on("GET /jobs/"+idA+"/tasks/reply/7", answer(200, aTask())).
		on("GET /jobs/"+idA+"/tasks/reply/7/logs", answer(200, page("", someLogs()...))).
		on("GET /jobs/"+idA+"/tasks/reply/8", answer(200, aTask())).
		on("GET /jobs/"+idA+"/tasks/reply/8/logs", answer(200, page[view.TaskLogView]("")))
}

func TestTaskShowsAttemptsInputAndLog(t *testing.T) {
	t.Parallel()

	fake, plain := taskAPI(t), map[string]string{"NO_COLOR": "1"}
	got := fake.run(outside{tty: true, env: plain, width: 80}, "task", idA, "reply", "7")

	for _, want := range []string{
		"reply/7 3f9a1c2e  failed  try 1", "TRY  OUTCOME", "  1  panic    2 s ago", "host 7", `no\x1b[31m voice`,
		"  1  lost     1 m ago", "\n2 deliveries ran nothing\n", "STACK\n  reply(...)\n   reply.go:3\n",
		`INPUT   {"n":7,"big":12345678901234567890}`, "KEY     key-1\n", "LOGS    https://logs.example.com/x\n",
		"LOG     try 1 · 4 lines not kept\n",
		logged() + " ERROR no\\x1b voice\n" + strings.Repeat(" ", len(logged())) + "       14:02:30.000 INFO  forged\n",
		"all lines: corectl logs 3f9a reply 7\n",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is missing in\n%s", want, got.out)
		}
	}

	if got.code != exitOK || strings.Contains(got.out, "\x1b") {
		t.Errorf("got %+v", got)
	}

	got = fake.run(outside{}, "task", idA, "reply", "7")
	if !strings.HasPrefix(got.out, "task\treply\t7\tfailed\t4\t") ||
		!strings.Contains(got.out, "\nattempt\t4\tpanic\t") ||
		!strings.Contains(got.out, "\ninput\t{\"n\":7,\"big\":12345678901234567890}\n") {
		t.Errorf("got %+v", got)
	}

	if got := fake.run(outside{}, "task", idA, "reply", "7", "-o", "name"); got.out != "reply/7\n" {
		t.Errorf("got %+v", got)
	}

	before := len(fake.requests())

	got = fake.run(outside{tty: true, env: plain, width: 80}, "task", "3f9a", "reply", "7")

	searches := 0

	for _, request := range fake.requests()[before:] {
		if strings.HasPrefix(request, "GET /jobs?") {
			searches++
		}
	}

	if got.code != exitOK || searches != 1 {
		t.Errorf("got %+v after %d searches for the id, want 1", got, searches)
	}
}

func TestTaskShowsProgressInAPipe(t *testing.T) {
	t.Parallel()

	task := aTask()
	task.Status, task.FinishedAt = state.TaskRunning, nil
	task.Progress = &state.TaskProgress{Fraction: 0.25, Note: "row 1 of 4"}

	got := newAPI(t).on("GET /jobs/"+idA+"/tasks/reply/7", answer(200, task)).
		run(outside{}, "task", idA, "reply", "7")
	if !strings.Contains(got.out, "\nprogress\t0.25\trow 1 of 4\n") || got.code != exitOK {
		t.Errorf("got %+v", got)
	}
}

func TestTaskSavesInputAndResult(t *testing.T) {
	t.Parallel()

	fake, file := taskAPI(t), filepath.Join(t.TempDir(), "input.json")

	got := fake.run(outside{}, "task", idA, "reply", "7", "--input", file)
	if text, err := os.ReadFile(file); err != nil || string(text) != `{"n":7,"big":12345678901234567890}`+"\n" ||
		got.code != exitOK || got.out != "" {
		t.Errorf("the file has %q, %v; got %+v", text, err, got)
	}

	got = fake.run(outside{}, "task", idA, "reply", "7", "--input", "-")
	if got.out != `{"n":7,"big":12345678901234567890}`+"\n" {
		t.Errorf("got %+v", got)
	}

	got = fake.run(outside{}, "task", idA, "reply", "7", "--result", "-")
	if got.code != exitNotFound || got.err != "The task reply/7 has no result.\n" {
		t.Errorf("got %+v", got)
	}
}

func TestLogsArePrintedOldestFirst(t *testing.T) {
	t.Parallel()

	fake, plain := taskAPI(t), map[string]string{"NO_COLOR": "1"}

	got := fake.run(outside{tty: true, env: plain}, "logs", idA, "reply", "7")
	want := "LOG     try 1\n" + logged() + " WARN  first\n" +
		"LOG     try 1 · 4 lines not kept\n" + logged() + " INFO  begin\n" +
		logged() + " ERROR no\\x1b voice\n" + strings.Repeat(" ", len(logged())) + "       14:02:30.000 INFO  forged\n"

	if got.out != want || got.code != exitOK {
		t.Errorf("got %+v, want %q", got, want)
	}

	got = fake.run(outside{}, "logs", idA, "reply", "7")
	if lines := strings.Split(got.out, "\n"); len(lines) != 4 ||
		lines[2] != "4\t2026-11-23T14:02:30Z\tERROR\tno\\x1b voice 14:02:30.000 INFO  forged" {
		t.Errorf("got %q", lines)
	}

	got = fake.run(outside{}, "logs", idA, "reply", "8")

	const none = "No lines are kept of this task. Those of attempts that succeed"

	if got.out != "" || got.code != exitOK || !strings.Contains(got.err, none) ||
		!strings.Contains(got.err, "https://logs.example.com/x") {
		t.Errorf("got %+v", got)
	}
}

func TestTaskNamesWhatDoesNotExist(t *testing.T) {
	t.Parallel()

	fake := taskAPI(t)
	for _, c := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"task", idA, "rply", "7"}, exitNotFound, `has no stage "rply". Did you mean reply?`},
		{[]string{"logs", idA, "reply", "99"}, exitNotFound, "The stage reply of 3f9a1c2e has no task 99."},
		{[]string{"task", idA, "reply", "-1"}, exitUsage, "-1"},
		{[]string{"task", idA, "reply", "x"}, exitUsage, "x"},
		{[]string{"task", idA, "reply"}, exitUsage, "index"},
		{[]string{"logs", idB, "reply", "1"}, exitNotFound, "3f77aa01"},
	} {
		if got := fake.run(outside{}, c.args...); got.code != c.code || !strings.Contains(got.err, c.err) {
			t.Errorf("%q: got %+v, want exit %d and %q", c.args, got, c.code, c.err)
		}
	}
}
