package web_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
	"coremachine/internal/web"
)

// message is one server-sent event. A comment has the name ":".
type message struct{ Name, ID, Data string }

// watch opens a stream and sends its messages on the channel until the test or
// the stream ends.
func (s *site) watch(path string, headers ...string) (<-chan message, context.CancelFunc) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}

	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}

	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // the reader below closes it, and the test waits
	if err != nil {
		s.t.Fatal(err)
	}

	if got := resp.Header.Get(
		"Content-Type",
	); got != "text/event-stream" ||
		resp.Header.Get("Cache-Control") != "no-store, no-transform" {
		s.t.Fatalf("got status %d, %v", resp.StatusCode, resp.Header)
	}

	out, done := make(chan message, 1000), make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		defer func() { _ = resp.Body.Close() }()

		var m message

		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)

		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case lines.Text() == "":
				if m != (message{}) {
					out <- m
				}

				m = message{}
			case strings.HasPrefix(lines.Text(), ":"):
				m.Name = ":"
			case field == "event":
				m.Name = value
			case field == "id":
				m.ID = value
			case field == "data":
				m.Data += value + "\n"
			}
		}
	}()

	s.t.Cleanup(func() { cancel(); <-done })

	return out, cancel
}

// until reads up to the first wanted message.
func until(t *testing.T, in <-chan message, wanted func(message) bool) message {
	t.Helper()

	limit := time.After(time.Minute)

	for {
		select {
		case m, ok := <-in:
			if !ok {
				t.Fatal("the stream ended before the message came")
			}

			if wanted(m) {
				return m
			}
		case <-limit:
			t.Fatal("the message did not come")
		}
	}
}

func holds(text string) func(message) bool {
	return func(m message) bool { return m.Name == "" && strings.Contains(m.Data, text) }
}

func named(name string) func(message) bool { return func(m message) bool { return m.Name == name } }

func (s *site) exec(sql string) {
	s.t.Helper()

	if _, err := s.pool.Exec(s.t.Context(), sql); err != nil {
		s.t.Fatal(err)
	}
}

// TestServedPageClaimsNoConnection expects the word for the state of the stream
// to be empty until the script knows the state.
func TestServedPageClaimsNoConnection(t *testing.T) {
	t.Parallel()
	s := start(t)

	if page := s.get("/ui").Body; !strings.Contains(page, `<span id="live-word"></span>`) {
		t.Errorf("the page as served names a state of its connection:\n%s", page)
	}
}

func TestAJobIsWatchedToItsEnd(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 10, Dispatched: 10, Completed: 3}},
		},
	)

	in, _ := s.watch("/view/jobs/" + id.String() + "/live")
	if m := until(t, in, named("build")); len(m.Data) < 8 {
		t.Errorf("got build %q", m.Data)
	}

	whole := until(t, in, holds(`hx-target="#figures"`))
	for _, part := range []string{"head", "failed", "figures", "graph", "stages", "timeline", "outcome", "events"} {
		if !strings.Contains(whole.Data, `<hx-partial hx-target="#`+part+`" hx-swap="outerMorph">`) {
			t.Errorf("the first message lacks %s", part)
		}
	}

	s.exec(`update stages set completed = 7, failed = 1`)

	news := until(t, in, holds("1 failed"))
	if strings.Contains(news.Data, `hx-target="#outcome"`) {
		t.Error("an unchanged part was sent again")
	}

	if said := until(t, in, named("announce")); said.Data != "The first task of a failed\n" {
		t.Errorf("announced %q", said.Data)
	}

	s.exec(`update stages set completed = 9, status = 'completed', finished_at = now()`)
	s.exec(
		`update jobs set status = 'completed_with_errors', finished_at = now(), pending_stages = 0, ` +
			`version = version + 1`,
	)
	until(t, in, holds("completed with errors"))

	last := until(t, in, named("done"))
	if last.ID == "" {
		t.Error("the last message has no id")
	}

	if m, more := <-in; more {
		t.Errorf("got %+v after the end", m)
	}
}

func TestReconnectingViewerIsSentNothingTwice(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *web.Options) { o.Heartbeat = 50 * time.Millisecond })
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobQueued, Stages: []rows.Stage{{Name: "a"}}})
	path := "/view/jobs/" + id.String() + "/live"
	in, leave := s.watch(path)
	first := until(t, in, holds("hx-partial"))

	leave()

	again, _ := s.watch(path, "Last-Event-ID", first.ID)
	for beats := 0; beats < 3; {
		switch m := <-again; m.Name {
		case "beat":
			beats++
		case "":
			t.Fatalf("sent again: %.200s", m.Data)
		}
	}

	other, _ := s.watch(path, "Last-Event-ID", "1.0~abc")
	until(t, other, holds("hx-partial"))
}

// countingReader counts how often jobs are read.
type countingReader struct {
	web.Reader
	jobs atomic.Int64
}

func (c *countingReader) ReadJob(ctx context.Context, id state.JobID) (view.JobView, error) {
	c.jobs.Add(1)
	return c.Reader.ReadJob(ctx, id)
}

func TestTenViewersShareOneReader(t *testing.T) {
	t.Parallel()

	var reader countingReader

	s := start(t, func(o *web.Options) { reader.Reader, o.Reader = o.Reader, &reader })
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 1000, Dispatched: 1000}},
		},
	)

	var all []<-chan message

	for range 10 {
		in, _ := s.watch("/view/jobs/" + id.String() + "/live")
		until(t, in, holds("hx-partial"))
		all = append(all, in)
	}

	reader.jobs.Store(0)

	begin := time.Now()

	for i := range 4 {
		s.exec(`update stages set completed = completed + 1`)

		for _, in := range all {
			until(t, in, holds(">"+string(rune('1'+i))+" / 1,000<"))
		}
	}

	if limit := int64(time.Since(begin)/(500*time.Millisecond)) + 2; reader.jobs.Load() > limit {
		t.Errorf("the job was read %d times for ten viewers, want at most %d", reader.jobs.Load(), limit)
	}
}

func TestStreamsAreLimited(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *web.Options) { o.Streams = 1 })
	rows.Insert(t, s.pool, rows.Job{Stages: []rows.Stage{{Name: "a"}}})
	in, _ := s.watch("/view/live")
	until(t, in, holds(`hx-target="#rows"`))

	if got := s.get(
		"/view/live",
	); got.Status != http.StatusServiceUnavailable ||
		got.Header.Get("Retry-After") == "" {
		t.Errorf("stream above the limit: got status %d", got.Status)
	}
}

// TestStreamsEndInTime opens a second stream after the time limit of the first,
// which frees its slot.
func TestStreamsEndInTime(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *web.Options) { o.Streams, o.StreamLife = 1, time.Second })
	rows.Insert(t, s.pool, rows.Job{Stages: []rows.Stage{{Name: "a"}}})

	for range 2 {
		in, _ := s.watch("/view/live")
		for m := range in {
			if m.Name == "done" {
				t.Error("a stream at its time limit reports that the job has ended")
			}
		}
	}
}

func TestNewJobsAppearAndRowsChange(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Seed:   "a",
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 10, Dispatched: 10, Completed: 3}},
		},
	)
	in, _ := s.watch("/view/live")
	until(t, in, holds("3 / 10"))
	s.exec(`update stages set completed = 4`)

	row := until(t, in, holds("4 / 10"))
	if strings.Contains(row.Data, `hx-target="#rows"`) ||
		!strings.Contains(row.Data, `hx-target="#job-`+id.String()+`"`) {
		t.Errorf("changed row: got %.300s", row.Data)
	}

	second := rows.Insert(t, s.pool, rows.Job{Seed: "b", Stages: []rows.Stage{{Name: "a"}}})
	until(t, in, func(m message) bool {
		return holds(`hx-target="#rows"`)(m) && strings.Contains(m.Data, second.Short())
	})
}

func TestOutageIsReportedToViewers(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 10, Dispatched: 10, Completed: 3}},
		},
	)
	in, _ := s.watch("/view/jobs/" + id.String() + "/live")
	until(t, in, holds("3 / 10"))
	s.exec(`alter table stages rename to stages_gone`)

	if m := until(t, in, named("trouble")); m.Data == "\n" {
		t.Errorf("got trouble %q", m.Data)
	}

	s.exec(`alter table stages_gone rename to stages`)

	if m := until(t, in, named("trouble")); m.Data != "\n" {
		t.Errorf("end of the trouble: got %q", m.Data)
	}
}
