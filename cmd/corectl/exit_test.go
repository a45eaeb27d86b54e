package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"coremachine/internal/client"
	"coremachine/internal/state"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()

	status := "GET /jobs/status/" + idA
	ends := func(end state.JobStatus) func(*api) {
		return func(a *api) { a.fresh().on(status, answer(200, run3(state.JobRunning)), answer(200, run3(end))) }
	}
	watch := []string{"submit", "hello_world", "n=3", "--watch"}

	cases := map[string]struct {
		serve func(*api)
		args  []string
		code  int
		err   string // part of standard error
	}{
		"completed":             {ends(state.JobCompleted), watch, 0, "job completed"},
		"failed":                {ends(state.JobFailed), watch, 2, "job failed"},
		"cancelled":             {ends(state.JobCancelled), watch, 3, "job cancelled"},
		"completed_with_errors": {ends(state.JobCompletedWithErrors), watch, 5, "job completed_with_errors"},
		"allow_errors": {
			ends(state.JobCompletedWithErrors),
			append(watch, "--allow-errors"),
			0,
			"job completed_with_errors",
		},
		"timeout": {
			func(a *api) { a.fresh().on(status, answer(200, run3(state.JobRunning))) },
			append(watch, "--timeout", "300ms"),
			6,
			"Stopped watching after 300ms. hello_world 3f9a1c2e continues",
		},
		"no_such_job": {func(*api) {}, []string{"status", idA}, 4, "No job 3f9a1c2e"},
		"no_such_type": {
			func(a *api) { a.fresh() },
			[]string{"submit", "helo_world", "n=3"},
			4,
			`No job type "helo_world". Did you mean hello_world? Types: hello_world`,
		},
		"no_such_type_without_parameters": {
			func(a *api) { a.fresh() },
			[]string{"submit", "helo_world"},
			4,
			`No job type "helo_world". Did you mean hello_world? Types: hello_world`,
		},
		"no_such_stage": {
			func(a *api) { a.on(status, answer(200, run3(state.JobRunning))) },
			[]string{"tasks", idA, "--stage", "replay"},
			4, `has no stage "replay". Did you mean reply? Stages: greeting, reply`,
		},
		"no_such_queue": {
			func(*api) {},
			[]string{"dlq", "list", "task"},
			4,
			`No queue "task". Did you mean tasks?`,
		},
		"no_key": {
			func(a *api) {
				a.on(
					"GET /jobs",
					func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
				)
			},
			[]string{"jobs"},
			7, "CORECTL_KEY",
		},
		"wrong_key": {
			func(a *api) { a.on("GET /jobs", problem(403, "forbidden", "no")) },
			[]string{"jobs"},
			7,
			"rejected the request",
		},
		"not_ready": {
			func(a *api) { a.on("GET /jobs", problem(503, state.CodeUnavailable, "the database is away")) },
			[]string{"jobs"},
			8,
			"is not ready (503): the database is away. See `corectl doctor`.\n",
		},
		"wrong_parameters": {
			func(a *api) {
				a.on("GET /jobs/types", answer(200, page("", helloWorld))).
					on("POST /jobs/submit/hello_world", problem(
						400,
						state.CodeInvalid,
						"2 invalid parameters",
						state.FieldError{Field: "n", Message: "0 is below the minimum 1"},
						state.FieldError{Field: "colour", Message: "unknown; known: message, n"},
					))
			},
			[]string{"submit", "hello_world", "n=0", "colour=red"},
			64,
			"2 invalid parameters:\n  n: 0 is below the minimum 1\n  colour: unknown; known: message, n\n",
		},
		"unknown_command": {
			func(*api) {},
			[]string{"sumbit", "hello_world"},
			64,
			`corectl: unknown command "sumbit", did you mean "submit"?`,
		},
		"unknown_flag": {
			func(*api) {},
			[]string{"jobs", "--stauts", "x"},
			64,
			`corectl: unknown flag --stauts, did you mean "--status"?`,
		},
		"unknown_format": {
			func(*api) {},
			[]string{"jobs", "-o", "jsn"},
			64,
			`unknown output format "jsn", did you mean "json"?`,
		},
		"no_argument": {func(*api) {}, []string{"status"}, 64, "corectl help status"},
		"bad_id":      {func(*api) {}, []string{"status", "xyz"}, 64, `invalid job id "xyz"`},
		"bad_parameter": {
			func(a *api) { a.fresh() },
			[]string{"submit", "hello_world", "n"},
			64,
			`"n" is not name=value`,
		},
		"nobody_to_ask": {
			func(a *api) { a.on(status, answer(200, run3(state.JobRunning))) },
			[]string{"cancel", idA},
			64,
			"Add --yes: `corectl cancel " + idA + " --yes`",
		},
		"nobody_to_ask_of_several": {
			func(a *api) { a.on("GET /jobs", answer(200, page("", run3(state.JobFailed).JobSummary))) },
			[]string{"retry", "--filter", "status=failed", "--filter", "tag.team=a b"},
			64,
			"`corectl retry --filter status=failed --filter 'tag.team=a b' --yes`",
		},
		"conflict": {
			func(a *api) {
				a.on(status, answer(200, run3(state.JobRunning))).
					on("POST /jobs/cancel/"+idA, problem(409, state.CodeConflict, "the job has ended: it is completed"))
			},
			[]string{"cancel", idA, "--yes"},
			1, "the job has ended: it is completed",
		},
		"a_defect": {
			func(a *api) { a.on("GET /jobs", problem(500, state.CodeInternal, "something broke")) },
			[]string{"jobs"},
			1,
			"something broke (request req-1)",
		},
		"too_much": {func(a *api) {
			a.fresh()
			a.answers["POST /jobs/submit/hello_world"] = []http.HandlerFunc{
				problem(429, state.CodeBusy, "60,000 tasks wait."),
			}
		}, []string{"submit", "hello_world"}, 1, "Too much work is queued"},
		"a_stranger": {
			func(a *api) {
				a.on(
					"GET /jobs",
					func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
				)
			},
			[]string{"jobs"},
			1, "Check CORECTL_URL.",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newAPI(t)
			c.serve(fake)

			got := fake.run(outside{}, c.args...)
			if got.code != c.code {
				t.Errorf("got exit %d, want %d; stderr: %s", got.code, c.code, got.err)
			}

			if !strings.Contains(got.err, c.err) {
				t.Errorf("got %q, want %q in it", got.err, c.err)
			}

			if strings.Contains(got.out+got.err, "\x1b") {
				t.Errorf("an escape in a pipe: %q", got.out+got.err)
			}
		})
	}
}

func TestUnreachableAPIExitsWith8(t *testing.T) {
	t.Parallel()
	fake := newAPI(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	got := fake.run(outside{url: closed.URL}, "jobs")

	want := "Cannot reach " + closed.URL +
		"/api (connection refused). Start the service with `make dev`, or set CORECTL_URL.\n"
	if got.code != exitUnreachable || got.err != want || got.out != "" {
		t.Errorf("got %+v, want exit 8 and %q", got, want)
	}
}

func TestInterruptLeavesTheJobRunningAndSaysSo(t *testing.T) {
	t.Parallel()
	fake := newAPI(t)
	fake.on(
		"GET /jobs/status/"+idA,
		answer(200, run3(state.JobRunning)),
		func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	)

	ctx, interrupt := context.WithCancel(t.Context())

	got := fake.run(outside{ctx: ctx, watch: func(text string) {
		if strings.Contains(text, "stage=reply running") {
			interrupt()
		}
	}}, "status", idA, "--watch")
	if got.code != exitInterrupted ||
		!strings.Contains(
			got.err,
			"Stopped watching. hello_world 3f9a1c2e continues: `corectl status 3f9a --watch`",
		) {
		t.Errorf("got %+v", got)
	}

	for _, request := range fake.requests() {
		if !strings.HasPrefix(request, "GET ") {
			t.Errorf("an interrupt wrote: %s", request)
		}
	}
}

func TestWatchSurvivesARestartOfTheAPI(t *testing.T) {
	t.Parallel()
	fake := newAPI(t)
	fake.on("GET /jobs/status/"+idA, answer(200, run3(state.JobRunning)),
		problem(503, state.CodeUnavailable, "starting"), answer(200, run3(state.JobCompleted)))

	got := fake.run(outside{}, "status", idA, "--watch")
	if got.code != exitOK {
		t.Errorf("got %+v, want exit 0", got)
	}
}

func TestAddressesAreCompleted(t *testing.T) {
	t.Parallel()

	for given, want := range map[string]string{
		"http://127.0.0.1:7071/api": "http://127.0.0.1:7071/api", "http://127.0.0.1:7071": "http://127.0.0.1:7071/api",
		"localhost:7071/": "http://localhost:7071/api", "https://x.example/api/": "https://x.example/api",
		"https://x.example/v1": "https://x.example/v1/api", "": "", "ftp://x": "", "http://u:p@x": "",
		"http://x?code=1": "",
	} {
		got, err := client.Address(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", given, got, err, want)
		}
	}
}
