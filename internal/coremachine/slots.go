package coremachine

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// slots limits how many handlers run concurrently. Waiting callers get slots in
// the order in which they arrived.
type slots struct {
	max int

	mu        sync.Mutex
	used      int
	waiting   list.List     // of *place; there is none while a slot is free
	fullSince time.Time     // when used last reached max; zero: a slot is free
	released  chan struct{} // closed at the next release; nil: no caller watches
}

// place is a caller's position among those that wait.
type place struct {
	granted chan struct{} // closed when the caller has its slot
	element *list.Element
}

func newSlots(n int) *slots { return &slots{max: n} }

// tryAcquire takes a slot if one is free.
func (s *slots) tryAcquire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.take()
}

func (s *slots) take() bool {
	if s.used >= s.max {
		return false
	}

	s.used++
	if s.used == s.max {
		s.fullSince = time.Now()
	}

	return true
}

// acquire waits for a slot until ctx ends, and reports whether it has one.
func (s *slots) acquire(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}

	p := s.enqueue()
	select {
	case <-p.granted:
		return true
	case <-ctx.Done():
		s.leave(p)
		return false
	}
}

// enqueue joins the waiting callers. The caller waits for granted, or calls
// leave.
func (s *slots) enqueue() *place {
	s.mu.Lock()
	defer s.mu.Unlock()

	p := &place{granted: make(chan struct{})}
	if s.take() {
		close(p.granted)
		return p
	}

	p.element = s.waiting.PushBack(p)

	return p
}

// leave gives up a place, and the slot if it was granted meanwhile.
func (s *slots) leave(p *place) {
	s.mu.Lock()
	defer s.mu.Unlock()

	select {
	case <-p.granted:
		s.free()
	default:
		s.waiting.Remove(p.element)
	}
}

// release frees a slot.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.free()
}

func (s *slots) free() {
	if first := s.waiting.Front(); first != nil {
		p, _ := s.waiting.Remove(first).(*place)
		close(p.granted)
	} else {
		s.used--
		s.fullSince = time.Time{}
	}

	if s.released != nil {
		close(s.released)
		s.released = nil
	}
}

// awaitFree waits until a slot is free, and returns how many are; 0: ctx ended
// first.
func (s *slots) awaitFree(ctx context.Context) (n int) {
	s.await(ctx, func() bool {
		n = s.max - s.used
		return n > 0
	})

	return n
}

// awaitIdle waits until no slot is in use, or ctx ends.
func (s *slots) awaitIdle(ctx context.Context) {
	s.await(ctx, func() bool { return s.used == 0 })
}

// await waits until ok, which is asked under the lock, or ctx ends.
func (s *slots) await(ctx context.Context, ok func() bool) {
	for {
		s.mu.Lock()
		if ok() {
			s.mu.Unlock()
			return
		}

		if s.released == nil {
			s.released = make(chan struct{})
		}

		released := s.released
		s.mu.Unlock()

		select {
		case <-released:
		case <-ctx.Done():
			return
		}
	}
}

// fullFor is for how long no slot has been free.
func (s *slots) fullFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.fullSince.IsZero() {
		return 0
	}

	return time.Since(s.fullSince)
}
