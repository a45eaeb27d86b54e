package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"time"

	"coremachine/internal/httpserver"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// streamInterval is the minimum interval between two readings for one stream.
const streamInterval = 250 * time.Millisecond

// jobEvent is the data of a job event: the job without its stages and result.
type jobEvent struct {
	view.JobSummary
	Progress *float64 `json:"progress"`
}

// stream sends the job as server-sent events: a snapshot, then a stage event
// for each stage that changed, a failure event for each kind of error that is
// new or more frequent, a job event after them, and done when the job has
// ended. The id of an event is the job's version. A client that reconnects gets
// a snapshot, so it never misses a change permanently.
func (a *API) stream(w http.ResponseWriter, r *http.Request) {
	id, ok := a.target(w, r)
	if !ok {
		return
	}

	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		w.Header().Set("Retry-After", retryBusy)
		httpserver.WriteProblem(w, r, Problem{
			Status: http.StatusServiceUnavailable, Code: state.CodeUnavailable,
			Detail: "This process has the maximum number of open streams. Use the status with wait instead.",
		})

		return
	}

	job, err := a.Reader.ReadJob(r.Context(), id)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	out := httpserver.OpenStream(w)

	if r.Method == http.MethodHead {
		return
	}

	s := &eventStream{api: a, out: out, last: job}

	ctx, cancel := context.WithTimeout(r.Context(), a.StreamLife)
	defer cancel()

	_ = s.run(ctx) // the client disconnected or the time limit expired; the next connection continues
}

// eventStream is one open stream.
type eventStream struct {
	api  *API
	out  *httpserver.Stream
	last view.JobView
}

func (s *eventStream) run(ctx context.Context) error {
	s.add("snapshot", s.api.jobBody(s.last))

	for {
		if s.last.Status.Ended() {
			s.add("done", s.api.jobBody(s.last))
			return s.out.Flush()
		}

		if err := s.out.Flush(); err != nil {
			return err
		}

		next, err := s.next(ctx)
		if err != nil {
			return err
		}

		s.compare(next)
		s.last = next
	}
}

// next waits for a newer version of the job and reads it. While it waits, it
// sends comments at intervals.
func (s *eventStream) next(ctx context.Context) (view.JobView, error) {
	timer := time.NewTimer(streamInterval)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-ctx.Done():
		return view.JobView{}, ctx.Err()
	}

	for {
		beat, cancel := context.WithTimeout(ctx, s.api.Heartbeat)
		seen, err := s.api.JobWatcher.Wait(beat, s.last.JobID, s.last.Version)

		cancel()

		switch {
		case err == nil:
			return s.api.shared.job(ctx, s.api.Reader, s.last.JobID, seen.Version)
		case ctx.Err() != nil:
			return view.JobView{}, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			s.out.Beat()

			if err := s.out.Flush(); err != nil {
				return view.JobView{}, err
			}
		default:
			return view.JobView{}, err
		}
	}
}

// compare adds the events for the differences between the last reading and now.
func (s *eventStream) compare(now view.JobView) {
	before := map[string]view.StageView{}
	for _, stage := range s.last.Stages {
		before[stage.Name] = stage
	}

	reported := map[string]int{}
	for _, g := range s.last.Errors {
		reported[g.Stage+"\x00"+g.Message] = g.Count
	}

	s.last = now
	for _, stage := range now.Stages {
		if !reflect.DeepEqual(before[stage.Name], stage) {
			s.add("stage", stage)
		}
	}

	for _, g := range now.Errors {
		if reported[g.Stage+"\x00"+g.Message] < g.Count {
			s.add("failure", g)
		}
	}

	s.add("job", jobEvent{JobSummary: now.JobSummary, Progress: now.Progress})
}

func (s *eventStream) add(event string, data any) {
	var text bytes.Buffer

	enc := json.NewEncoder(&text) // compact: the only line break is the last byte
	enc.SetEscapeHTML(false)

	if err := enc.Encode(data); err != nil {
		text.WriteString("null")
	}

	s.out.Event(event, s.last.Version, strings.TrimSuffix(text.String(), "\n"))
}
