package web

import (
	"context"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// strip summarizes the current state of the whole system.
type strip struct {
	Rate   *float64 // tasks per second; nil if not known yet
	Queued int
	More   bool // the number of queued messages is a minimum
	Oldest time.Duration
	Dead   int
	Queue  string // queue with the most dead letters
}

// strip reads the summary at most once a second for all viewers.
func (s *Server) strip(ctx context.Context) (strip, error) {
	return s.strips.get(ctx, "", 900*time.Millisecond, s.readStrip)
}

func (s *Server) readStrip(ctx context.Context) (strip, error) {
	queues, err := s.Queues.Read(ctx)
	if err != nil {
		return strip{}, err
	}

	var now strip

	maxDead := 0

	for _, q := range queues.Items {
		now.Queued += q.Ready + q.Scheduled + q.Sent
		now.More = now.More || max(q.Ready, q.Scheduled, q.Sent) >= view.MaxDepth

		now.Dead += q.Dead
		if q.Dead > maxDead {
			maxDead, now.Queue = q.Dead, q.Queue
		}

		if q.OldestSeconds != nil {
			now.Oldest = max(now.Oldest, time.Duration(*q.OldestSeconds*float64(time.Second)))
		}
	}

	count, err := s.endedTasks(ctx)
	if err != nil {
		return strip{}, err
	}

	if rate, ok := s.rates.see("all", time.Now(), count); ok {
		now.Rate = &rate
	}

	return now, nil
}

// endedTasks returns a counter that grows from reading to reading by the tasks
// of the newest and of the running jobs that are done. A job that was not
// seen before counts only if it is new. Otherwise its past tasks would count as
// current ones.
func (s *Server) endedTasks(ctx context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	seen := map[state.JobID]int{}

	newest := s.newest
	for _, f := range []view.JobFilter{{Limit: 50}, {Limit: 100, Statuses: []state.JobStatus{state.JobRunning}}} {
		page, err := s.Reader.ListJobs(ctx, f)
		if err != nil {
			return 0, err
		}

		for _, job := range page.Items {
			n := job.Tasks.Done()

			before, known := s.ended[job.JobID]
			if _, twice := seen[job.JobID]; !twice &&
				(known || job.CreatedAt.After(s.newest) && !s.newest.IsZero()) {
				s.grown += max(0, n-before)
			}

			seen[job.JobID] = n
			if job.CreatedAt.After(newest) {
				newest = job.CreatedAt
			}
		}
	}

	s.ended, s.newest = seen, newest

	return s.grown, nil
}
