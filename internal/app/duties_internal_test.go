package app

import (
	"slices"
	"testing"
	"time"

	"coremachine/internal/state"
)

// TestFirstMessageOfAQueueWakesTheDuties wakes them once for a queue, and again
// after a note left out the silent queue.
func TestFirstMessageOfAQueueWakesTheDuties(t *testing.T) {
	t.Parallel()

	r := &receiving{started: make(chan struct{}, 1)}
	woken := func() bool {
		select {
		case <-r.started:
			return true
		default:
			return false
		}
	}

	at := time.Now()

	for range 2 { // the second round follows a silence
		r.begin(state.QueueTasks)()

		if !woken() || !slices.Equal(r.current(), []state.Queue{state.QueueTasks}) {
			t.Errorf("the first message did not wake the duties: %v", r.current())
		}

		r.begin(state.QueueTasks)()
		r.note(at)
		r.begin(state.QueueTasks)()

		if woken() {
			t.Error("a further message woke the duties")
		}

		r.note(at)

		at = at.Add(2 * hostSilence)
		if queues, _ := r.note(at); len(queues) > 0 {
			t.Errorf("a silent host is noted: %v", queues)
		}
	}

	end := r.serve(state.QueueJobs)
	if !woken() || !slices.Equal(r.current(), []state.Queue{state.QueueJobs}) {
		t.Errorf("a receiver of its own did not wake the duties: %v", r.current())
	}

	end()

	if queues := r.current(); len(queues) > 0 {
		t.Errorf("a closed receiver is listed: %v", queues)
	}
}
