package main

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// TestErrorsNameTheObjectTheReasonAndTheNextCommand lists what each error must
// contain of the three. next is a command, a flag or an accepted value.
func TestErrorsNameTheObjectTheReasonAndTheNextCommand(t *testing.T) {
	t.Parallel()

	status := "GET /jobs/status/" + idA
	for name, c := range map[string]struct {
		args                []string
		thing, reason, next string
	}{
		"Command":    {[]string{"sumbit", "hello_world"}, `"sumbit"`, "unknown command", `did you mean "submit"?`},
		"StrangeOne": {[]string{"frobnicate"}, `"frobnicate"`, "unknown command", "`corectl help`"},
		"Watch":      {[]string{"watch", idA}, `"watch"`, "unknown command", `did you mean "status ID --watch"?`},
		"Flag":       {[]string{"sweep", "--dry-run"}, "--dry-run", "unknown flag", "`corectl help sweep`"},
		"FlagTypo": {
			[]string{"jobs", "--statsu", "failed"}, "--statsu", "unknown flag", `did you mean "--status"?`,
		},
		"Argument": {[]string{"new", "job"}, "<name>", "expected", "`corectl help new job`"},
		"Type": {
			[]string{"submit", "helo_world"},
			`"helo_world"`, "No job type",
			"Did you mean hello_world? Types: hello_world",
		},
		"StrangeType": {[]string{"types", "nope"}, `"nope"`, "No job type", "Types: hello_world"},
		"NewerType": {
			[]string{"types", "container_list"},
			`"container_list"`, "the running service is older",
			"restart or deploy it. Types: hello_world",
		},
		"Parameter": {[]string{"submit", "hello_world", "n"}, `"n"`, "is not name=value", "`corectl types`"},
		"ID": {
			[]string{"status", "zz"},
			`"zz"`, "invalid job id",
			"its 64 hex digits, at least the first 4, or @last",
		},
		"UnknownID": {[]string{"status", idB}, "3f77aa01", "No job", "`corectl jobs`"},
		"NoLast":    {[]string{"status", "@last"}, "@last", "no job", "`corectl jobs`"},
		"Stage": {
			[]string{"tasks", idA, "--stage", "replay"},
			`"replay"`, "has no stage",
			"Did you mean reply? Stages: greeting, reply",
		},
		"Status": {
			[]string{"jobs", "--status", "fialed"},
			`"fialed"`, "unknown status",
			`did you mean "failed"? Statuses: queued, `,
		},
		"Since": {
			[]string{"jobs", "--since", "yesterday"},
			`"yesterday"`, "invalid duration",
			"for example 30m, 24h or 7d",
		},
		"TaskStatus": {
			[]string{"tasks", idA, "--status", "fialed"},
			`"fialed"`, "unknown status",
			`did you mean "failed"? Statuses: queued, `,
		},
		"Queue": {
			[]string{"dlq", "redrive", "taks"},
			`"taks"`, "No queue",
			"Did you mean tasks? Queues: jobs, tasks, long-tasks",
		},
		"Ended": {
			[]string{"cancel", idA, "--yes"},
			"hello_world 3f9a1c2e", "has already ended: completed",
			"`corectl status 3f9a`",
		},
		"NoRetry": {
			[]string{"retry", idA, "--yes"},
			"hello_world 3f9a1c2e", "nothing to retry",
			"`corectl submit hello_world --rerun`",
		},
		"NoTerminal": {
			[]string{"delete", idA},
			"hello_world 3f9a1c2e", "No terminal is available",
			"`corectl delete " + idA + " --yes`",
		},
		"Format": {
			[]string{"jobs", "-o", "yaml"},
			`"yaml"`, "unknown output format",
			"Formats: table, json, jsonl, name",
		},
		"FormatTypo": {
			[]string{"jobs", "-o", "jsn"},
			`"jsn"`, "unknown output format",
			`did you mean "json"? Formats: `,
		},
		"Shell": {
			[]string{"completion", "ksh"}, `"ksh"`, "unknown shell", "Shells: bash, fish, powershell, zsh",
		},
		"Topic": {[]string{"help", "exit-kodes"}, `"exit-kodes"`, "no help for", `did you mean "exit-codes"?`},
		"KeyFile": {
			[]string{"jobs", "--key-file", "/nonexistent/key"},
			"/nonexistent/key",
			"cannot read the key file", "no such file",
		},
		"OtherService": {[]string{"events", idA}, "/api", "not", "Check CORECTL_URL."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newAPI(t).on("GET /jobs/types", answer(200, page("", helloWorld))).
				on(status, answer(200, run3(state.JobCompleted))).
				on("POST /jobs/submit/helo_world", problem(404, state.CodeUnknownJobType, "Unknown job type")).
				on("GET /jobs/"+idA+"/events",
					func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })

			got := fake.run(outside{}, c.args...)
			if got.code == exitOK || got.out != "" {
				t.Errorf("got %+v, want an error", got)
			}

			for what, want := range map[string]string{"thing": c.thing, "reason": c.reason, "next": c.next} {
				if !strings.Contains(got.err, want) {
					t.Errorf("the %s, %q, is not in %q", what, want, got.err)
				}
			}

			if strings.Contains(got.err, "?.") || strings.Contains(got.err, "..") {
				t.Errorf("the text ends twice: %q", got.err)
			}

			if i := slices.IndexFunc(
				fake.requests(),
				func(r string) bool { return !strings.HasPrefix(r, "GET ") && !strings.Contains(r, "helo_world") },
			); i >= 0 {
				t.Errorf("a request was sent: %q", fake.requests()[i])
			}
		})
	}
}

// TestLargeJobsPrintFewLines requests a large job with all
// commands that have no limit of their own.
func TestLargeJobsPrintFewLines(t *testing.T) {
	t.Parallel()

	const maxLines = 120

	job := run3(state.JobCompletedWithErrors)
	job.Tasks = view.TaskCounts{Total: 10_000, Completed: 5_000, Failed: 5_000}
	job.Stages[1].Tasks = view.TaskCounts{Total: 10_000, Completed: 5_000, Failed: 5_000}
	tasks := func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if err != nil {
			t.Error("a list was requested without a limit")
		}

		items := make([]view.TaskSummary, limit)
		for i := range items {
			items[i] = view.TaskSummary{Stage: "reply", Index: i, Status: state.TaskFailed}
		}

		answer(200, page("more", items...))(w, r)
	}

	for _, tty := range []bool{true, false} {
		for _, args := range [][]string{
			{"tasks", idA},
			{"tasks", idA, "--failed"},
			{"status", idA},
			{"status", idA, "--watch", "--allow-errors"},
			{"tasks", idA, "-o", "name"},
		} {
			fake := newAPI(t).on("GET /jobs/status/"+idA, answer(200, job)).
				on("GET /jobs/"+idA+"/tasks", tasks)

			got := fake.run(outside{tty: tty, env: map[string]string{"NO_COLOR": "1"}}, args...)
			if lines := strings.Count(got.out+got.err, "\n"); lines > maxLines || got.code != exitOK {
				t.Errorf("%q, terminal %v: %d lines and exit %d", args, tty, lines, got.code)
			}

			if len(fake.requests()) > 5 {
				t.Errorf("%q sent %d requests", args, len(fake.requests()))
			}
		}
	}
}

// TestInterruptReturnsWithin100Milliseconds repeats a run for up to a minute
// until it is as fast, because a busy machine can delay a run.
func TestInterruptReturnsWithin100Milliseconds(t *testing.T) {
	t.Parallel()

	const limit = 100 * time.Millisecond

	best, busy := time.Hour, time.Now().Add(time.Minute)

	for best > limit && time.Now().Before(busy) {
		fake := newAPI(t)
		fake.on(
			"GET /jobs/status/"+idA,
			answer(200, run3(state.JobRunning)),
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		)

		ctx, interrupt := context.WithCancel(t.Context())

		var at time.Time

		got := fake.run(outside{ctx: ctx, watch: func(text string) {
			if at.IsZero() && strings.Contains(text, "stage=reply running") {
				at = time.Now()

				interrupt()
			}
		}}, "status", idA, "--watch")
		best = min(best, time.Since(at))

		if got.code != exitInterrupted || !strings.Contains(got.err, "continues") {
			t.Errorf("got %+v", got)
		}
	}

	if best > limit {
		t.Errorf("the fastest answer took %v", best)
	}
}

func TestOpenPrintsThePageOfAJob(t *testing.T) {
	t.Parallel()

	fake := newAPI(t)
	for want, args := range map[string][]string{
		"/api/ui\n":                  {"open"},
		"/api/ui/jobs/" + idA + "\n": {"open", idA},
	} {
		if got := fake.run(outside{}, args...); got.out != fake.server.URL+want || got.code != exitOK {
			t.Errorf("%q: got %+v, want %q", args, got, want)
		}
	}

	if got := fake.run(outside{tty: true}, "open", idA); got.code != exitOther ||
		!strings.Contains(got.err, "Cannot open a browser: no browser here") {
		t.Errorf("got %+v", got)
	}

	if got := fake.run(outside{tty: true}, "open", idA, "--print"); got.code != exitOK {
		t.Errorf("got %+v", got)
	}

	if len(fake.requests()) > 0 {
		t.Errorf("a full id caused a request: %q", fake.requests())
	}
}
