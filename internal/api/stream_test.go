package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

// sse is one event of a stream. A comment has no name.
type sse struct{ name, id, data string }

// open opens a stream and sends its events on the channel, which is closed at
// the end of the stream.
func (s *server) open(ctx context.Context, id state.JobID) <-chan sse {
	s.t.Helper()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/jobs/"+id.String()+"/stream", nil)
	if err != nil {
		s.t.Fatal(err)
	}

	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // closed by the goroutine
	if err != nil {
		s.t.Fatal(err)
	}

	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" ||
		resp.Header.Get("Cache-Control") != "no-store, no-transform" {
		s.t.Errorf("answered %d %v", resp.StatusCode, resp.Header)
	}

	events := make(chan sse, 100)
	go func() {
		defer close(events)
		defer func() { _ = resp.Body.Close() }()

		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 4<<20)

		var e sse

		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				if strings.HasPrefix(lines.Text(), ": ") {
					events <- sse{}
				} else if e.name != "" {
					events <- e
				}

				e = sse{}
			}
		}
	}()

	return events
}

// until reads up to an event with the name and returns all events so far.
func until(t *testing.T, events <-chan sse, name string) []sse {
	t.Helper()

	var all []sse

	limit := time.After(time.Minute)

	for {
		select {
		case e, more := <-events:
			if !more {
				t.Fatalf("the stream ended without %s: %v", name, all)
			}

			all = append(all, e)
			if e.name == name {
				return all
			}
		case <-limit:
			t.Fatalf("no %s: %v", name, all)
		}
	}
}

func TestStreamSendsChangesUntilTheEnd(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(t, s.pool, running())
	events := s.open(t.Context(), id)
	first := until(t, events, "snapshot")[0]

	var job jobAnswer
	if err := json.Unmarshal(
		[]byte(first.data),
		&job,
	); err != nil || job.JobID != id || first.id != job.Version ||
		len(job.Stages) != 2 {
		t.Errorf("got snapshot %+v, %v", first, err)
	}

	s.exec(`
update stages set failed = failed + 1, completed = completed + 1 where stage = 0;
insert into attempts (job_id, stage, gen, index, attempt, outcome, final, error)
select job_id, 0, 1, 9, 1, 'timeout', true, 'too slow' from jobs`)

	var names []string
	for _, e := range until(t, events, "job") {
		names = append(names, e.name)
		if e.id == job.Version || e.name == "stage" && !strings.Contains(e.data, `"name":"greeting"`) ||
			e.name == "failure" && !strings.Contains(e.data, "too slow") {
			t.Errorf("got event %+v", e)
		}
	}

	if got := strings.Join(names, " "); got != "stage failure job" {
		t.Errorf("got events %s", got)
	}

	s.exec(finish)

	last := until(t, events, "done")
	if err := json.Unmarshal([]byte(last[len(last)-1].data), &job); err != nil ||
		job.Status != state.JobCancelled {
		t.Errorf("got end %+v, %v", last, err)
	}

	if e, more := <-events; more {
		t.Errorf("got %+v after the end", e)
	}
	// a job that has ended sends a snapshot and the end
	if all := until(t, s.open(t.Context(), id), "done"); len(all) != 2 {
		t.Errorf("got events %+v", all)
	}
	// check the answer against the contract
	s.call(http.MethodGet, "/jobs/"+id.String()+"/stream", nil).must(200)
	s.call(http.MethodHead, "/jobs/"+id.String()+"/stream", nil).must(200)
}

func TestStreamsSendHeartbeatsAndAreLimited(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{}, func(o *api.Options) { o.Heartbeat, o.Streams = 20*time.Millisecond, 1 })
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning})
	ctx, cancel := context.WithCancel(t.Context())
	events := s.open(ctx, id)
	until(t, events, "snapshot")

	p := s.call(http.MethodGet, "/jobs/"+id.String()+"/stream", nil)
	if p.problem(503); p.Header.Get("Retry-After") == "" {
		t.Errorf("stream above the limit: got %v", p.Header)
	}

	until(t, events, "") // a heartbeat
	cancel()

	for range events { // the client disconnects
	}

	for { // which frees the slot of the stream
		got := s.call(http.MethodHead, "/jobs/"+id.String()+"/stream", nil)
		if got.Status == 200 {
			break
		}
	}
}

// TestStreamsEndInTime opens a second stream after the time limit of the first,
// which frees its slot.
func TestStreamsEndInTime(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{}, func(o *api.Options) { o.StreamLife, o.Streams = time.Second, 1 })
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning})

	for range 2 {
		for e := range s.open(t.Context(), id) {
			if e.name == "done" {
				t.Error("a stream at its time limit reports that the job has ended")
			}
		}
	}
}

func TestStreamOfADeletedJobEnds(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning})
	events := s.open(t.Context(), id)
	until(t, events, "snapshot")
	s.exec(`delete from jobs`)

	for e := range events {
		t.Errorf("got event %+v", e)
	}
}

func TestStreamsEndWithTheProcess(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning})
	events := s.open(t.Context(), id)
	until(t, events, "snapshot")
	s.watcher.Close()

	for e := range events {
		t.Errorf("got event %+v", e)
	}
}
