package coremachine

import (
	"sync"
	"time"
)

// term ends a session at its deadline. A timer does it, which waits for nothing
// that the session does: no statement that hangs can keep handlers running
// under a lease that has ended.
type term struct {
	end   func() // called once at the deadline, from a goroutine of the timer
	slack time.Duration

	mu       sync.Mutex
	timer    *time.Timer
	deadline time.Time
	over     bool
	wasLate  bool
}

// extend moves the deadline, if it becomes later. It does nothing when the term
// is over.
func (t *term) extend(deadline time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if t.over || deadline.Before(t.deadline) {
		return
	}

	t.deadline = deadline
	if t.timer == nil {
		t.timer = time.AfterFunc(time.Until(deadline), t.expire)
		return
	}

	t.timer.Reset(time.Until(deadline))
}

func (t *term) expire() {
	t.mu.Lock()

	left := time.Until(t.deadline)
	if t.over || left > 0 { // extended while the timer fired, which set it again
		t.mu.Unlock()
		return
	}

	t.over, t.wasLate = true, -left > t.slack
	t.mu.Unlock()
	t.end()
}

// stop ends the term with no call of end.
func (t *term) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.over = true
	if t.timer != nil {
		t.timer.Stop()
	}
}

// late reports whether the process stood still at the deadline: a timer that
// fires late was not run in time.
func (t *term) late() bool {
	t.mu.Lock()
	defer t.mu.Unlock()

	return t.wasLate
}

// landing records whether completions land.
type landing struct {
	mu     sync.Mutex
	since  [flushers]time.Time // when a flusher's batch was first tried; zero: it has none
	landed time.Time           // when something last landed, or became easier to land
	failed bool                // a try failed after that
}

// begin records that a flusher tries a batch.
func (l *landing) begin(flusher int) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.since[flusher].IsZero() {
		l.since[flusher] = time.Now()
	}
}

// progressed records that a part of a batch landed, or that the batch became
// smaller.
func (l *landing) progressed() {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.landed, l.failed = time.Now(), false
}

// fail records that a try of a part failed, and that it is tried again.
func (l *landing) fail() {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.failed = true
}

// end records that a flusher's batch was answered.
func (l *landing) end(flusher int) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.since[flusher], l.landed, l.failed = time.Time{}, time.Now(), false
}

// slowTry multiplies the limit for a batch that is still being written. Each of
// its statements has a time limit of its own, so the process or the database is
// slow, but not stuck.
const slowTry = 4

// stuck reports whether a batch has been waiting, and nothing has landed, for
// longer than limit.
func (l *landing) stuck(now time.Time, limit time.Duration) (since time.Duration, stuck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()

	most := limit
	if !l.failed {
		most = slowTry * limit
	}

	for _, began := range l.since {
		if began.IsZero() {
			continue
		}

		if began.Before(l.landed) {
			began = l.landed
		}

		since = max(since, now.Sub(began))
	}

	return since, since > most
}
