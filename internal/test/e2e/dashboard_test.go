package e2e_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/web"
)

// TestJobPageIsSmallAndFastDuringJob loads the page of a job of 100,000 tasks
// repeatedly while the tasks run and ten other viewers watch it. The limit
// applies to the faster half of the loads, because the job and the tests that
// run in parallel can occupy the processors for longer than one load. If the
// cost of the page grew with the tasks, no load would be fast.
func TestJobPageIsSmallAndFastDuringJob(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(
		t,
		enginetest.Options{Jobs: fixtures.Jobs(), Handlers: fixtures.Handlers(), Dispatch: modeOf(t)},
	)
	p := e.Process(0)
	hub := api.NewJobWatcher(p.Repo.ReadVersions, nil)
	pages := web.New(web.Options{Reader: p.Repo, Types: p.Machine.Types, Wait: hub.Wait, Inline: true})
	server := httptest.NewServer(
		api.New(api.Options{Engine: p.Machine, Reader: p.Repo, JobWatcher: hub, Mounts: pages.Mounts()}),
	)

	t.Cleanup(func() {
		pages.Close()
		hub.Close()
		server.Close()
	})

	id := e.Submit("wide", `{"n":100000}`)
	base := server.URL + "/api/%/jobs/" + id.String()

	ctx, leave := context.WithCancel(t.Context())

	var (
		watching sync.WaitGroup
		news     [10]received
	)
	for i := range news {
		watching.Go(func() { news[i] = messages(ctx, strings.Replace(base, "%", "view", 1)+"/live") })
	}

	var took []time.Duration

	largest := 0

	for range 50 {
		begin := time.Now()
		largest = max(largest, len(fetch(t, strings.Replace(base, "%", "ui", 1))))

		took = append(took, time.Since(begin))
	}

	slices.Sort(took)
	t.Logf(
		"50 loads with ten viewers: half within %s, 95 of 100 within %s; the page has at most %d bytes",
		took[25],
		took[47],
		largest,
	)

	if took[25] > time.Second || largest > 60<<10 {
		t.Errorf("half within %s with %d bytes, want at most 1 s and 60 KiB", took[25], largest)
	}

	e.Wait(id).MustBe(t, state.JobCompleted)
	watching.Wait() // each stream ends with the job
	leave()

	for i, got := range news {
		if got.messages < 2 {
			t.Errorf("viewer %d got %d messages", i, got.messages)
		}

		if rate := float64(got.bytes) / got.took.Seconds(); rate > streamRate {
			t.Errorf("viewer %d got %.0f bytes/s for %s, want at most %d", i, rate, got.took, streamRate)
		}
	}
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}

	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = resp.Body.Close() }()

	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: got status %d, %v", url, resp.StatusCode, err)
	}

	return body
}

// streamRate is the most that one viewer of a running job may cost, in bytes a
// second.
const streamRate = 30_000

// received is what a viewer got from a stream.
type received struct {
	messages, bytes int
	took            time.Duration
}

// messages reads a stream until the stream reports that it is done.
func messages(ctx context.Context, url string) (got received) {
	begin := time.Now()
	defer func() { got.took = time.Since(begin) }()

	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return got
		}

		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return got
		}

		done := false
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)

		for lines.Scan() {
			got.bytes += len(lines.Text()) + 1
			if strings.HasPrefix(lines.Text(), "id: ") {
				got.messages++
			}

			done = done || lines.Text() == "event: done"
		}

		_ = resp.Body.Close() // it was read to its end

		if done {
			return got
		}
	}

	return got
}
