package coremachine

import (
	"context"
	"sync"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Limits of the search for messages that other processes have parked.
const (
	parkedPage     = 100     // messages that one look reads
	parkedTaken    = 32      // parked messages that the process handles concurrently
	parkedRemember = 100_000 // messages of its own that the process remembers as parked
)

// parked is what a process knows of messages that wait for a build that
// declares their work. A transport delivers such a message to any process,
// perhaps never to one that can do it. So every process looks for the messages
// that it has not parked itself, and tries each.
type parked struct {
	mu    sync.Mutex
	own   map[workKey]struct{} // this process has parked them: it cannot do their work
	after state.Message        // where the next look begins
	taken chan struct{}        // one for each that is being tried
}

func newParked() *parked {
	return &parked{own: map[workKey]struct{}{}, taken: make(chan struct{}, parkedTaken)}
}

// note remembers a message that this process cannot work on.
func (p *parked) note(key workKey) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if len(p.own) >= parkedRemember {
		clear(p.own)
	}

	p.own[key] = struct{}{}
}

// place is where the next look begins.
func (p *parked) place() state.Message {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.after
}

// others keeps the messages of a page that this process has not parked, and
// moves the place where the next look begins.
func (p *parked) others(page []state.Message) (others []state.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.after = state.Message{}
	if len(page) == parkedPage {
		p.after = page[len(page)-1]
	}

	for _, msg := range page {
		if _, own := p.own[workKey{msg.JobID, msg.MessageID}]; !own {
			others = append(others, msg)
		}
	}

	return others
}

// takeParked tries the messages that other processes have parked.
func (m *Machine) takeParked(ctx context.Context, s *session) {
	page, err := m.store.Parked(ctx, m.parked.place(), parkedPage)
	if err != nil {
		return // the renewal reports a database that cannot be used
	}

	for _, msg := range m.parked.others(page) {
		select {
		case m.parked.taken <- struct{}{}:
		default:
			return // the next look finds the rest
		}

		m.loops.Go(func() {
			defer func() { <-m.parked.taken }()

			if err := m.Handle(s.ctx, msg); err != nil && s.ctx.Err() == nil {
				m.log.Debug("retrying parked work failed", keys.JobID, msg.JobID, keys.Error, err)
			}
		})
	}
}
