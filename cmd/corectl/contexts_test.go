package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// contextsOf writes a key file, and adds the context prod with it.
func contextsOf(t *testing.T, fake *api) (o outside, keyFile string) {
	t.Helper()

	o = outside{config: filepath.Join(t.TempDir(), "corectl")}

	keyFile = filepath.Join(t.TempDir(), "prod.key")
	if err := os.WriteFile(keyFile, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	got := fake.run(o, "context", "add", "prod", "--url", fake.server.URL, "--key-file", keyFile)
	if got.code != exitOK || !strings.Contains(got.err, "added prod (http://127.0.0.1:") {
		t.Fatalf("got %+v", got)
	}

	return o, keyFile
}

// keyed answers a request only if it has the key.
func keyed(key string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Functions-Key") != key {
			problem(http.StatusUnauthorized, state.CodeUnauthorized, "no key")(w, r)
			return
		}

		next(w, r)
	}
}

func TestContextsAreAddedUsedListedAndRemoved(t *testing.T) {
	t.Parallel()

	fake := newAPI(t).on("GET /jobs", keyed("sesame", answer(200, page[view.JobSummary](""))))
	o, keyFile := contextsOf(t, fake)
	steps := func(want string, code int, args ...string) {
		t.Helper()

		got := fake.run(o, args...)
		if got.code != code || !strings.Contains(got.out+got.err, want) {
			t.Errorf("%q: got %+v, want exit %d and %q", args, got, code, want)
		}
	}

	steps("*\tdefault\thttp://127.0.0.1:7071/api\t\n\tprod\t", exitOK, "context", "list")
	steps("No jobs yet", exitOK, "jobs", "--context", "prod")
	steps("using prod (http://127.0.0.1:", exitOK, "context", "use", "prod")
	steps("No jobs yet", exitOK, "jobs")
	steps(`{"name":"prod","current":true,"url":"`+fake.server.URL+`/api","key_file":"`+keyFile+`"}`,
		exitOK, "context", "list", "-o", "jsonl")
	steps("changed prod", exitOK, "context", "add", "prod", "--url", "prod.example")
	steps("http://prod.example/api\t\n", exitOK, "context", "list")
	steps("using default", exitOK, "context", "use", "default")
	steps("using prod", exitOK, "context", "use", "prod")
	steps("removed prod.\nusing default (", exitOK, "context", "remove", "prod")
	steps("default\n", exitOK, "context", "list", "-o", "name")
}

func TestContextFileContainsNoKeyAndIsPrivate(t *testing.T) {
	t.Parallel()

	o, keyFile := contextsOf(t, newAPI(t))
	path := filepath.Join(o.config, contextsFile)

	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	if info.Mode().Perm() != 0o600 || strings.Contains(string(text), "sesame") {
		t.Errorf("mode %v: %s", info.Mode(), text)
	}

	var c contexts
	if err := json.Unmarshal(text, &c); err != nil || c.Contexts["prod"].KeyFile != keyFile {
		t.Errorf("got %+v, %v", c, err)
	}
}

// TestGivenAddressWinsOverContexts also checks that the key of the context is
// sent to no other address.
func TestGivenAddressWinsOverContexts(t *testing.T) {
	t.Parallel()

	prod, other := newAPI(t), newAPI(t)
	o, _ := contextsOf(t, prod)
	prod.run(o, "context", "use", "prod")

	var keys []string

	other.on("GET /jobs", func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("X-Functions-Key"))
		answer(200, page[view.JobSummary](""))(w, r)
	})

	for name, c := range map[string]struct {
		env  map[string]string
		args []string
	}{
		"flag":        {nil, []string{"jobs", "--url", other.server.URL}},
		"environment": {map[string]string{"CORECTL_URL": other.server.URL}, []string{"jobs"}},
		"both in the environment": {
			map[string]string{"CORECTL_URL": other.server.URL, "CORECTL_CONTEXT": "prod"}, []string{"jobs"},
		},
	} {
		given := o
		given.env = c.env

		if got := prod.run(given, c.args...); got.code != exitOK {
			t.Errorf("%s: got %+v", name, got)
		}
	}

	if diff := cmp.Diff([]string{"", "", ""}, keys); diff != "" {
		t.Errorf("keys that another address got: %s", diff)
	}

	both := o
	both.env = map[string]string{"CORECTL_URL": other.server.URL}

	got := prod.run(both, "jobs", "--context", "prod")
	if got.code != exitUsage || !strings.Contains(got.err, "CORECTL_URL is set, and it wins over --context.") {
		t.Errorf("got %+v", got)
	}

	if seen := prod.requests(); len(seen) > 0 {
		t.Errorf("the context was called: %q", seen)
	}
}

// TestKeyOfTheContextWinsOverTheEnvironment checks which key is sent.
func TestKeyOfTheContextWinsOverTheEnvironment(t *testing.T) {
	t.Parallel()

	fake := newAPI(t).on("GET /jobs", keyed("sesame", answer(200, page[view.JobSummary](""))))
	o, keyFile := contextsOf(t, fake)
	o.env = map[string]string{"CORECTL_CONTEXT": "prod", "CORECTL_KEY": "of another address"}

	if got := fake.run(o, "jobs"); got.code != exitOK {
		t.Errorf("got %+v", got)
	}

	if err := os.WriteFile(keyFile+".new", []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}

	got := fake.run(o, "jobs", "--key-file", keyFile+".new")
	if got.code != exitNotAllowed || !strings.Contains(got.err, "prod (http://") ||
		!strings.Contains(got.err, "the key file of the context: corectl context add prod --url ") {
		t.Errorf("got %+v", got)
	}
}

func TestInvalidContextsAreExplained(t *testing.T) {
	t.Parallel()

	fake := newAPI(t)
	o, keyFile := contextsOf(t, fake)
	empty := filepath.Join(t.TempDir(), "empty")

	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	for want, args := range map[string][]string{
		`No context "prd". Did you mean prod? Contexts: prod, default`: {"jobs", "--context", "prd"},
		`No context "x". Contexts: prod, default`:                      {"context", "use", "x"},
		`No context "y". Contexts: prod, default`:                      {"context", "remove", "y"},
		`corectl: invalid API address "ftp://x": use for example `:     {"context", "add", "a", "--url", "ftp://x"},
		"context add needs the address of the API":                     {"context", "add", "a"},
		"cannot read the key file: stat missing: no such file": {
			"context", "add", "a", "--url", "http://x", "--key-file", "missing",
		},
		"does not contain one key":             {"context", "add", "a", "--url", "http://x", "--key-file", empty},
		`invalid context name "a b"`:           {"context", "add", "a b", "--url", "http://x"},
		`invalid context name "default"`:       {"context", "add", "default", "--url", "http://x"},
		"the context default always exists":    {"context", "remove", "default"},
		"--url is given, and it wins over --c": {"jobs", "--context", "prod", "--url", "http://x"},
	} {
		got := fake.run(o, args...)
		if got.code != exitUsage && got.code != exitNotFound || !strings.Contains(got.err, want) {
			t.Errorf("%q: got %+v, want %q", args, got, want)
		}
	}

	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}

	got := fake.run(o, "jobs", "--context", "prod")
	if got.code != exitUsage || !strings.Contains(got.err, "cannot read the key file of the context prod: ") {
		t.Errorf("got %+v", got)
	}

	if err := os.WriteFile(filepath.Join(o.config, contextsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}

	if got := fake.run(o, "jobs"); got.code != exitOther || !strings.Contains(got.err, "cannot read the contexts in ") {
		t.Errorf("got %+v", got)
	}

	if got := fake.run(o, "version"); got.code != exitOK {
		t.Errorf("a command without an API: got %+v", got)
	}
}

// TestDestructiveCommandsAskWithTheContext checks every question.
func TestDestructiveCommandsAskWithTheContext(t *testing.T) {
	t.Parallel()

	failed := run3(state.JobFailed)
	failed.JobID = mustID(idB)
	fake := newAPI(t).
		on("GET /jobs/status/"+idA, answer(200, run3(state.JobRunning))).
		on("GET /jobs/status/"+idB, answer(200, failed)).
		on("GET /jobs", answer(200, page("", failed.JobSummary))).
		on("POST /queues/tasks/redrive", answer(200, view.Redriven{Redriven: 2}))
	o, _ := contextsOf(t, fake)
	o.tty, o.in = true, "n\n"

	for want, args := range map[string][]string{
		"prod: Cancel hello_world 3f9a1c2e?":       {"cancel", idA},
		"prod: Run 1 failed task again (reply)?":   {"retry", idB},
		"prod: Delete hello_world 3f77aa01":        {"delete", idB},
		"prod: 2 messages would be sent to tasks ": {"dlq", "redrive", "tasks"},
		"prod: Delete 1 job?":                      {"delete", "--filter", "type=hello_world"},
		"prod: Retry 1 job?":                       {"retry", "--filter", "type=hello_world"},
	} {
		got := fake.run(o, append(args, "--context", "prod")...)
		if got.code != exitOther || !strings.Contains(got.err, want) ||
			!strings.HasSuffix(got.err, "Nothing was changed.\n") {
			t.Errorf("%q: got %+v, want %q", args, got, want)
		}
	}

	o.tty = false
	if got := fake.run(o, "cancel", idA, "--context", "prod"); !strings.Contains(got.err, "prod: Cancel hello_world") {
		t.Errorf("without a terminal: got %+v", got)
	}
}

func TestErrorsNameTheContext(t *testing.T) {
	t.Parallel()

	fake := newAPI(t)
	o, _ := contextsOf(t, fake)
	o.env = map[string]string{"CORECTL_CONTEXT": "prod"}

	got := fake.run(o, "status", idA)
	if want := "No job 3f9a1c2e at prod (" + fake.server.URL + "/api)."; !strings.Contains(got.err, want) {
		t.Errorf("got %+v, want %q", got, want)
	}

	fake.server.Close()

	want := "Cannot reach prod (" + fake.server.URL + "/api) (connection refused)"
	if got := fake.run(o, "status", idA); got.code != exitUnreachable || !strings.Contains(got.err, want) {
		t.Errorf("got %+v", got)
	}

	found := fake.look(o)
	mustFind(t, found, "api", bad, "prod ("+fake.server.URL, "corectl context list")
}

func TestContextNamesAreCompleted(t *testing.T) {
	t.Parallel()

	fake := newAPI(t)
	o, _ := contextsOf(t, fake)

	for want, words := range map[string][]string{
		"default\nprod\n": {"context", "use", ""},
		"prod\n":          {"jobs", "--context", "p"},
		"default\n":       {"context", "remove", "d"},
		"":                {"context", "list", "p"},
	} {
		if got := fake.run(o, append([]string{"__complete", "--"}, words...)...); got.out != want {
			t.Errorf("%q: got %q, want %q", words, got.out, want)
		}
	}
}
