package coremachine_test

import (
	"context"
	"sync"
	"time"

	"coremachine/internal/state"
)

// meeting makes the callers of one key wait for each other, until n callers
// have arrived or the wait has timed out.
type meeting struct {
	mu   sync.Mutex
	open map[state.JobID]*party
	met  int
}

type party struct {
	came int
	all  chan struct{} // closed when all have arrived
	left chan struct{} // closed when one has timed out
	once sync.Once
}

func (m *meeting) wait(ctx context.Context, id state.JobID, n int) {
	m.mu.Lock()
	if m.open == nil {
		m.open = map[state.JobID]*party{}
	}

	p, ok := m.open[id]
	if !ok {
		p = &party{all: make(chan struct{}), left: make(chan struct{})}
		m.open[id] = p
	}

	if p.came++; p.came == n {
		close(p.all)

		select {
		case <-p.left: // one of them has continued alone
		default:
			m.met++
		}
	}
	m.mu.Unlock()

	limit, cancel := context.WithTimeout(ctx, 200*time.Millisecond) // the other task may not get a slot
	defer cancel()

	select {
	case <-p.all:
	case <-limit.Done():
		p.once.Do(func() { close(p.left) })
	}
}
