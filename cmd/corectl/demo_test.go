package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"coremachine/internal/dev/blobsample"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/test/pgtest"
)

// on returns the environment of a command that starts everything, with a
// database schema of its own.
func on(t *testing.T) outside {
	t.Helper()
	o := patient(t)
	o.env = map[string]string{"DATABASE_URL": pgtest.URL(t)}

	return o
}

func TestDemoPrintsOnlyTheResultToStandardOutput(t *testing.T) {
	t.Parallel()
	fake := newAPI(t)
	got := fake.run(on(t), "demo", "-n", "4")

	var result jobs.HelloWorldResult
	if err := json.Unmarshal(
		[]byte(got.out),
		&result,
	); err != nil || len(result.Greetings) != 4 || len(result.Replies) != 4 ||
		got.code != exitOK {
		t.Fatalf("got %+v, %v", got, err)
	}

	if !strings.HasPrefix(got.out, `{"greetings":[{"greeting":"Hello World from task 0!"`) ||
		strings.Count(got.out, "\n") != 1 {
		t.Errorf("got standard output %s", got.out)
	}

	for _, want := range []string{
		"processes: host ", " · handler ", "hello_world ", "stage=reply completed tasks=4 failed=0",
	} {
		if !strings.Contains(got.err, want) {
			t.Errorf("%q is not in %s", want, got.err)
		}
	}

	if len(fake.requests()) > 0 {
		t.Errorf("demo called another API: %q", fake.requests())
	}
}

func TestDemoExitsWithTheOutcomeOfItsJob(t *testing.T) {
	t.Parallel()

	fake, o := newAPI(t), on(t)
	for want, args := range map[int][]string{
		exitUsage:    {"demo", "-n", "1001"},
		exitNotFound: {"demo", "helo_world"},
		exitTimeout:  {"demo", "-p", "failure_rate=1", "--timeout", "100ms"},
	} {
		if got := fake.run(o, args...); got.code != want {
			t.Errorf("%q: got %+v, want exit %d", args, got, want)
		}
	}
}

func TestDemoOverBlobsCreatesASampleContainer(t *testing.T) {
	t.Parallel()
	fake := newAPI(t)
	got := fake.run(on(t), "demo", "container_list", "-n", "80")

	var s handlers.ContainerSummaryOutput
	if err := json.Unmarshal([]byte(got.out), &s); err != nil || got.code != exitOK {
		t.Fatalf("got %+v, %v", got, err)
	}

	var size int64
	for it := range blobsample.Items(80) {
		size += int64(len(it.Content))
	}

	if s.Blobs != 80 || s.Bytes != size || s.Inspected == nil || s.Inspected.Blobs != 80 ||
		len(s.Inspected.ByKind) != 8 {
		t.Errorf("got %d blobs, %d bytes of %d, inspected %+v", s.Blobs, s.Bytes, size, s.Inspected)
	}

	for _, want := range []string{
		"container sample with 80 blobs of 8 kinds", " · azurite ",
		"stage=inspect completed tasks=80 failed=0",
	} {
		if !strings.Contains(got.err, want) {
			t.Errorf("%q is not in %s", want, got.err)
		}
	}
}

func TestDevRunsUntilInterrupted(t *testing.T) {
	t.Parallel()
	fake, o := newAPI(t), on(t)
	ctx, interrupt := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(interrupt)

	o.ctx = ctx
	o.watch = func(text string) {
		if strings.Contains(text, "Ctrl-C stops everything.") {
			interrupt()
		}
	}

	got := fake.run(o, "dev", "--port", "0", "--keys", "--storage")
	if got.code != exitOK || !strings.Contains(got.err, "stopping…") {
		t.Fatalf("got %+v", got)
	}

	for _, want := range []string{
		"API        http://127.0.0.1:", "/api/ui\n", "Key        export CORECTL_KEY=",
		"Storage    export STORAGE='DefaultEndpointsProtocol=http;AccountName=local;",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in %s", want, got.out)
		}
	}
}
