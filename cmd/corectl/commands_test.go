package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

const noVoice state.Fingerprint = 0x1c22e0f3a55b41d7

// full returns an API that has an answer for every route.
func full(t *testing.T) *api {
	t.Helper()

	index := 1

	return newAPI(t).fresh().
		on("GET /jobs/status/"+idA, answer(200, run3(state.JobCompletedWithErrors))).
		on("GET /jobs", answer(200, page("next1", run3(state.JobCompletedWithErrors).JobSummary))).
		on("GET /jobs/"+idA+"/tasks", answer(200, page("next2", view.TaskSummary{
			JobID:      mustID(idA),
			Stage:      "reply",
			Index:      1,
			Status:     state.TaskFailed,
			Attempt:    5,
			StartedAt:  ago(2e9),
			FinishedAt: ago(1e9),
			Error:      "no voice",
		}))).
		on("GET /jobs/"+idA+"/events", answer(200, page("", view.EventView{
			EventID: 7, At: testNow, Kind: "task_failed", Stage: "reply", Index: &index, Message: "no voice",
		}))).
		on("GET /jobs/"+idA+"/failures", answer(200, page("", view.FailureGroup{
			Stage:       "reply",
			Fingerprint: noVoice,
			Pattern:     "no voice",
			Message:     "no voice",
			Tasks:       1,
			Attempts:    5,
			FirstSeen:   testNow,
			LastSeen:    testNow,
			Indexes:     []int{1},
		}))).
		on("POST /jobs/retry/"+idA, answer(202, view.Retried{JobRef: view.JobRef{Attempt: 2}, Tasks: 1})).
		on("POST /jobs/start/"+idA, answer(202, view.JobRef{Attempt: 1})).
		on("DELETE /jobs/"+idA, noContent).
		on("POST /sweeps", answer(200, view.SweepView{
			StartedAt: testNow, EndedAt: &testNow, Found: []byte(`{"lost": 2, "resent": 1, "repaired": 0}`),
		})).
		on("GET /queues", answer(200, page("", view.QueueView{Queue: "tasks", Dead: 12}))).
		on("GET /queues/tasks/dead", answer(200, page("", view.DeadView{
			MessageID: 4, JobID: mustID(idA), Queue: "tasks", Count: 1, Reason: "MaxDeliveryCountExceeded",
			Since: testNow,
		}))).
		on("GET /queues/tasks/dead/reasons", answer(200,
			page("", view.DeadReason{Reason: state.DeadMaxDelivery, Wanted: 7, Unwanted: 4, Oldest: testNow}))).
		on("POST /queues/tasks/redrive", answer(200, view.Redriven{Redriven: 7, Dropped: 5}))
}

func TestEveryCommandPrintsValidJSON(t *testing.T) {
	t.Parallel()

	for _, args := range [][]string{
		{"submit", "hello_world"},
		{"submit", "hello_world", "n=3", "--watch", "--allow-errors"},
		{"submit", "hello_world", "--dry-run"},
		{"status", idA},
		{"jobs"},
		{"jobs", "--limit", "1"},
		{"tasks", idA, "--limit", "1"},
		{"tasks", idA, "--error", "1c22"},
		{"failures", idA},
		{"events", idA},
		{"start", idA},
		{"submit", "hello_world", "--delay", "90s"},
		{"submit", "hello_world", "--start-at", "2026-12-24T18:00:00Z"},
		{"retry", idA, "--yes"},
		{"types"},
		{"types", "hello_world"},
		{"sweep"},
		{"dlq", "list"},
		{"dlq", "list", "tasks"},
		{"dlq", "redrive", "tasks", "--dry-run"},
		{"dlq", "redrive", "tasks", "--yes"},
		{"open", idA},
	} {
		for _, format := range []string{"json", "jsonl"} {
			t.Run(strings.Join(args, "_")+"_"+format, func(t *testing.T) {
				t.Parallel()

				got := full(t).run(outside{}, append(args, "-o", format)...)
				if got.code != exitOK {
					t.Fatalf("got %+v", got)
				}

				for line := range strings.Lines(got.out) {
					if !json.Valid([]byte(line)) {
						t.Errorf("not JSON: %q", line)
					}
				}

				if lines := strings.Count(got.out, "\n"); format == "json" && lines != 1 || lines < 1 {
					t.Errorf("got %d lines: %q", lines, got.out)
				}
			})
		}
	}
}

func TestNameFormatPrintsOnlyIDs(t *testing.T) {
	t.Parallel()

	for want, args := range map[string][]string{
		idA + "\n":           {"jobs", "--limit", "1"},
		idA + "\n\n":         {"submit", "hello_world"},
		idA + "\n\n\n":       {"status", idA},
		"reply/1\n":          {"tasks", idA, "--limit", "1"},
		"hello_world\n":      {"types"},
		"1c22e0f3a55b41d7\n": {"failures", idA},
		"tasks\n":            {"dlq", "list"},
		"4\n":                {"dlq", "list", "tasks"},
		idA + "\n\n\n\n":     {"delete", idA, "--yes"},
	} {
		got := full(t).run(outside{}, append(args, "-o", "name")...)
		if strings.TrimRight(got.out, "\n") != strings.TrimRight(want, "\n") || got.code != exitOK {
			t.Errorf("%v: got %+v, want %q", args, got, want)
		}
	}
}

func TestSubmitPrintsOnlyTheIDToStandardOutput(t *testing.T) {
	t.Parallel()

	got := newAPI(t).fresh().run(outside{}, "submit", "hello_world", "n=3")
	if got.out != idA+"\n" || got.err != "" || got.code != 0 {
		t.Errorf("got %+v", got)
	}

	got = newAPI(t).fresh().
		run(outside{tty: true, env: map[string]string{"NO_COLOR": "1"}}, "submit", "hello_world", "n=3")
	if want := "hello_world 3f9a1c2e submitted · attempt 1 · corectl open 3f9a\n"; got.out != "" ||
		got.err != want {
		t.Errorf("got %+v, want %q", got, want)
	}
}

func TestSubmitOfAnExistingJob(t *testing.T) {
	t.Parallel()
	fake := newAPI(t).on("GET /jobs/status/"+idA, answer(200, run3(state.JobCompletedWithErrors))).
		on("POST /jobs/submit/hello_world",
			answer(200, view.Submission{JobID: mustID(idA), Status: state.JobCompletedWithErrors, Attempt: 1}))
	got := fake.run(outside{}, "submit", "hello_world")

	want := "hello_world 3f9a1c2e already exists: completed_with_errors now. Use --rerun to run it again, " +
		"`corectl retry 3f9a` for the 1 failed task.\n"
	if got.err != want || got.out != idA+"\n" || got.code != 0 {
		t.Errorf("got %+v, want %q", got, want)
	}
}

func TestParametersAreTypedByTheSchema(t *testing.T) {
	t.Parallel()
	fake := newAPI(t).fresh()
	fake.run(
		outside{},
		"submit",
		"hello_world",
		"n=12345678901234567890",
		`message=5 "<a>"`,
		"-p",
		"other=x=y",
		"--rerun",
	)

	want := `POST /jobs/submit/hello_world?rerun=true {"n":12345678901234567890,"message":"5 \"<a>\"","other":"x=y"}`
	if got := fake.requests()[1]; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	file := filepath.Join(t.TempDir(), "p.json")
	if err := os.WriteFile(file, []byte(`{"n": 1.0}`), 0o600); err != nil {
		t.Fatal(err)
	}

	for path, in := range map[string]string{file: "", "-": `{"n": 1.0}`} {
		fake := newAPI(t).fresh()
		fake.run(outside{in: in}, "submit", "hello_world", "--json", path)

		if got, want := fake.requests()[0], `POST /jobs/submit/hello_world {"n": 1.0}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestIDPrefixesAreAccepted(t *testing.T) {
	t.Parallel()
	state1 := t.TempDir()
	a, b := run3(state.JobRunning), run3(state.JobRunning)
	b.JobID = mustID(idB)

	fake := newAPI(t).fresh().
		on("GET /jobs/status/"+idA, answer(200, a)).
		on("GET /jobs", answer(200, page("", a.JobSummary)),
			answer(200, page("", a.JobSummary, b.JobSummary)), answer(200, page[view.JobSummary]("")))
	for _, c := range []struct {
		id   string
		code int
		err  string
	}{
		{"@last", 4, "no job has been submitted"},
		{"3F9A", 0, ""},
		{"3f", 64, "invalid job id"},
		{"3f9a", 64, "matches more than one id:\n  " + idA},
		{"beef", 4, "No job at"},
	} {
		got := fake.run(outside{state: state1}, "status", c.id)
		if got.code != c.code || !strings.Contains(got.err, c.err) {
			t.Errorf("%s: got %+v, want exit %d and %q", c.id, got, c.code, c.err)
		}
	}

	fake.run(outside{state: state1}, "submit", "hello_world")

	if got := fake.run(outside{state: state1}, "status", "@last", "-o", "name"); got.out != idA+"\n" {
		t.Errorf("@last: got %+v", got)
	}
}

func TestKeyIsSentOnlyInItsHeader(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	fake := newAPI(t)

	var keys []string

	fake.on("GET /jobs", func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("X-Functions-Key"))
		answer(200, page[view.JobSummary](""))(w, r)
	})

	env := outside{env: map[string]string{"CORECTL_KEY": "from-env"}}
	out := []result{
		fake.run(env, "jobs"),
		fake.run(env, "jobs", "--key-file", file),
		fake.run(outside{}, "jobs"),
	}

	if diff := cmp.Diff([]string{"from-env", "from-file", ""}, keys); diff != "" {
		t.Error(diff)
	}

	for _, r := range append(fake.requests(), out[0].err, out[1].err) {
		if strings.Contains(r, "from-") {
			t.Errorf("the key is in %q", r)
		}
	}
}

func TestDestructiveCommandsConfirmAndSupportDryRun(t *testing.T) {
	t.Parallel()

	plain := map[string]string{"NO_COLOR": "1"}

	cancel := func() *api {
		return newAPI(
			t,
		).on("GET /jobs/status/"+idA, answer(200, run3(state.JobRunning)), answer(200, run3(state.JobCancelled))).
			on("POST /jobs/cancel/"+idA, answer(202, map[string]string{"job_id": idA}))
	}
	for _, c := range []struct {
		name   string
		fake   *api
		o      outside
		args   []string
		code   int
		err    string
		writes int
	}{
		{
			"cancel", cancel(),
			outside{tty: true, in: "y\n", env: plain},
			[]string{"cancel", idA},
			0,
			"Cancel hello_world 3f9a1c2e? 2 tasks have not started, 1 is running. [y/N] cancelling… " +
				"cancelled. 1 running task was cancelled; 4 results are kept.\n",
			1,
		},
		{
			"force", cancel(),
			outside{tty: true, in: "y\n", env: plain},
			[]string{"cancel", idA, "--force"},
			0,
			"Force the cancel of hello_world 3f9a1c2e? 2 tasks have not started, 1 is running. It does " +
				"not wait for handlers", 1,
		},
		{
			"no", cancel(),
			outside{tty: true, in: "\n", env: plain},
			[]string{"cancel", idA},
			1,
			"Nothing was changed.", 0,
		},
		{
			"dry", cancel(),
			outside{},
			[]string{"cancel", idA, "--dry-run"},
			0,
			"Would cancel hello_world 3f9a1c2e. 2 tasks have not started, 1 is running.\n", 0,
		},
		{
			"retry", full(t),
			outside{tty: true, in: "\n", env: plain},
			[]string{"retry", idA},
			0,
			"Run 1 failed task again (reply)? [Y/n] attempt 2 of 3f9a1c2e: 1 task queued · corectl status " +
				"3f9a --watch\n",
			1,
		},
		{"delete", full(t), outside{}, []string{"delete", idA, "--yes"}, 0, "deleted hello_world 3f9a1c2e.\n", 1},
		{
			"delete_dry", full(t),
			outside{},
			[]string{"delete", idA, "--dry-run"},
			0,
			"Would delete hello_world 3f9a1c2e with its 6 tasks", 0,
		},
		{
			"delete_running", cancel(),
			outside{},
			[]string{"delete", idA, "--yes"},
			1,
			"Cancel it first: `corectl cancel 3f9a`.", 0,
		},
		{
			"redrive", full(t),
			outside{},
			[]string{"dlq", "redrive", "tasks", "--yes"},
			0,
			"7 messages sent again, 5 dropped.\n", 2,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			got := c.fake.run(c.o, c.args...)
			if got.code != c.code || !strings.Contains(got.err, c.err) {
				t.Errorf("got %+v, want exit %d and %q", got, c.code, c.err)
			}

			writes := slices.DeleteFunc(
				c.fake.requests(),
				func(r string) bool { return strings.HasPrefix(r, "GET ") },
			)
			if len(writes) != c.writes {
				t.Errorf("got writes %q, want %d", writes, c.writes)
			}
		})
	}
}

func TestListsReportOmittedItems(t *testing.T) {
	t.Parallel()

	job := run3(state.JobFailed)
	job.Stages[1].Tasks.Failed = 43
	fake := newAPI(t).on("GET /jobs/status/"+idA, answer(200, job)).
		on("GET /jobs/"+idA+"/tasks", answer(200,
			page("eyJpIjo0MTgyfQ", view.TaskSummary{Stage: "reply"}, view.TaskSummary{Stage: "reply", Index: 1})))

	got := fake.run(outside{}, "tasks", idA, "--failed", "--limit", "2")
	if want := "41 more: add --more for the next page, or --limit 0 for all\n"; got.err != want {
		t.Errorf("got %q, want %q", got.err, want)
	}

	all := newAPI(t).on("GET /jobs/"+idA+"/tasks", answer(200, page("c1", view.TaskSummary{Stage: "reply"})),
		answer(200, page("", view.TaskSummary{Stage: "reply", Index: 1})))
	got = all.run(outside{}, "tasks", idA, "--limit", "0", "-o", "json")

	var whole client.Page[view.TaskSummary]
	if err := json.Unmarshal([]byte(got.out), &whole); err != nil || len(whole.Items) != 2 ||
		whole.NextCursor != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}
