package api

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
	"coremachine/internal/view"
)

// Intervals at which the versions of awaited jobs are read: short while jobs
// change or a waiter is new, longer otherwise. Reading never takes more than a
// fifth of the time.
const (
	pollFast  = 20 * time.Millisecond
	pollSlow  = 500 * time.Millisecond
	pollShare = 4 // minimum pause as a multiple of the duration of the reading before it
	pollLimit = 5 * time.Second
)

var errWatcherClosed = errors.New("the process is stopping")

// JobWatcher allows any number of requests of a process to wait for jobs at the
// cost of one. While requests wait, one goroutine reads the versions of all
// awaited jobs in one statement. Without waiters, it costs nothing. A waiter
// holds no connection.
type JobWatcher struct {
	read func(context.Context, []state.JobID) (map[state.JobID]view.Seen, error)
	log  *slog.Logger

	mu      sync.Mutex
	waiting map[state.JobID]map[*waiter]struct{}
	last    map[state.JobID]view.Seen // versions of the awaited jobs, to detect changes
	polling bool
	closed  bool
	nudged  chan struct{}
	stop    chan struct{}
	polls   sync.WaitGroup
}

// waiter is one waiting request.
type waiter struct {
	since string // wake at any other version; empty means wake when the job has ended
	woken chan view.Seen
}

// NewJobWatcher returns a JobWatcher that reads versions with read.
func NewJobWatcher(
	read func(context.Context, []state.JobID) (map[state.JobID]view.Seen, error),
	log *slog.Logger,
) *JobWatcher {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	return &JobWatcher{
		read:    read,
		log:     log,
		waiting: map[state.JobID]map[*waiter]struct{}{},
		last:    map[state.JobID]view.Seen{},
		nudged:  make(chan struct{}, 1),
		stop:    make(chan struct{}),
	}
}

// Wait returns when the job's version differs from since. If since is empty, it
// returns when the job has ended. If the job was deleted, Wait returns a zero
// view.Seen. If ctx ends or Close is called first, it returns an error.
func (h *JobWatcher) Wait(ctx context.Context, id state.JobID, since string) (view.Seen, error) {
	w := &waiter{since: since, woken: make(chan view.Seen, 1)}
	if !h.join(id, w) {
		return view.Seen{}, errWatcherClosed
	}
	defer h.leave(id, w)

	select {
	case seen := <-w.woken:
		return seen, nil
	case <-ctx.Done():
		return view.Seen{}, ctx.Err()
	case <-h.stop:
		return view.Seen{}, errWatcherClosed
	}
}

// Nudge reports that a job has changed in this process, so that its waiters
// need not wait for the next scheduled reading.
func (h *JobWatcher) Nudge(id state.JobID) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if len(h.waiting[id]) > 0 {
		h.nudge()
	}
}

func (h *JobWatcher) nudge() {
	select {
	case h.nudged <- struct{}{}:
	default:
	}
}

// Close ends all waits with an error and waits for the last reading to end.
func (h *JobWatcher) Close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.stop)
	}
	h.mu.Unlock()
	h.polls.Wait()
}

func (h *JobWatcher) join(id state.JobID, w *waiter) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.closed {
		return false
	}

	if h.waiting[id] == nil {
		h.waiting[id] = map[*waiter]struct{}{}
	}

	h.waiting[id][w] = struct{}{}
	if !h.polling {
		h.polling = true
		h.polls.Go(h.poll)
	}

	h.nudge()

	return true
}

func (h *JobWatcher) leave(id state.JobID, w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()

	delete(h.waiting[id], w)

	if len(h.waiting[id]) == 0 {
		delete(h.waiting, id)
		delete(h.last, id)
	}

	if len(h.waiting) == 0 {
		h.nudge() // a reading without jobs ends the goroutine
	}
}

// poll reads versions until there are no waiters.
func (h *JobWatcher) poll() {
	every := pollFast

	for {
		select {
		case <-h.nudged: // the reading that follows answers this nudge
		default:
		}

		ids := h.ids()
		if len(ids) == 0 {
			return
		}

		begin := time.Now()
		moved := h.look(ids)
		rest := pollShare * time.Since(begin)

		every = min(every*3/2, pollSlow)
		if moved {
			every = pollFast
		}

		h.pause(rest, nil)

		if h.pause(every-rest, h.nudged) {
			every = pollFast
		}

		if h.isClosed() {
			return
		}
	}
}

// pause waits for d, wake or Close. It reports whether wake ended the wait.
func (h *JobWatcher) pause(d time.Duration, wake <-chan struct{}) (woken bool) {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-wake:
		return true
	case <-h.stop:
	}

	return false
}

func (h *JobWatcher) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.polling = !h.closed

	return h.closed
}

// ids lists the awaited jobs. If there are none, the goroutine counts as ended.
func (h *JobWatcher) ids() []state.JobID {
	h.mu.Lock()
	defer h.mu.Unlock()

	ids := make([]state.JobID, 0, len(h.waiting))
	for id := range h.waiting {
		ids = append(ids, id)
	}

	h.polling = len(ids) > 0

	return ids
}

// look reads the jobs once, wakes the waiters concerned, and reports whether
// any job changed. If the reading fails, no waiter is woken, because requests
// return when their own time limit expires.
func (h *JobWatcher) look(ids []state.JobID) (moved bool) {
	ctx, cancel := context.WithTimeout(context.Background(), pollLimit)
	defer cancel()

	seen, err := h.read(ctx, ids)
	if err != nil {
		h.log.LogAttrs(
			ctx,
			slog.LevelWarn,
			"reading job versions failed",
			slog.Any(keys.Error, err),
			slog.Int(keys.Count, len(ids)),
		)

		return false
	}

	h.mu.Lock()
	defer h.mu.Unlock()

	for _, id := range ids {
		if len(h.waiting[id]) == 0 {
			continue
		}

		now := seen[id] // zero if the job was deleted
		if before, known := h.last[id]; known && before != now {
			moved = true
		}

		h.last[id] = now
		for w := range h.waiting[id] {
			if now.Version == "" || now.Status.Ended() || w.since != "" && w.since != now.Version {
				select {
				case w.woken <- now:
				default: // already woken
				}
			}
		}
	}

	return moved
}
