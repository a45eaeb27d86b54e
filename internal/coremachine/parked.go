package coremachine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"

	"github.com/google/uuid"
)

// Parker reads parked messages, and fails the work that no build could do.
type Parker interface {
	Parked(ctx context.Context, after state.Message, most int) ([]state.Message, error)
	FailJob(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		f state.Failure,
	) (state.TransitionEffects, error)
	FinishFail(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		f state.Failure,
	) (state.TransitionEffects, error)
}

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
		return // the next renewal looks again
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

// Waits of a message that the running build cannot work on: another build may
// be on its way. One that runs takes the message within seconds, see
// takeParked.
const (
	parkFirst = 5 * time.Second
	parkCap   = time.Minute
	parkLimit = time.Hour
)

// park releases a message that this build cannot work on, without counting the
// attempt. If no build could work on it for the whole waiting time, park fails
// the work that the message stands for.
func (m *Machine) park(s *session, h *inFlight, why *mismatch) error {
	parked := time.Duration(0)
	if !h.ParkedSince.IsZero() {
		parked = h.ClaimedAt.Sub(h.ParkedSince)
	}

	if why.forever || parked < m.cfg.ParkLimit {
		m.parked.note(workKey{h.JobID, h.MessageID})
		delay := min(max(m.cfg.ParkFirst, parked/4), parkCap)
		delay += rand.N(delay/4 + 1)

		m.log.Warn("work parked until a build declares it", keys.JobID, h.JobID, keys.Stage, h.StageName,
			keys.TraceID, traceID(h.Traceparent), keys.Code, why.code, keys.Error, why.waits)

		return m.release(s, h, delay, state.CleanText(why.waits))
	}

	f := state.Failure{Code: why.code, Stage: h.StageName, Message: why.message}
	if why.code == state.CodeDefinitionChanged {
		return m.retryTransition(s, func() (state.TransitionEffects, error) {
			return m.store.FailJob(s.ctx, s.worker, h.ClaimedMessage, f)
		})
	}

	f.Message = fmt.Sprintf("no running build knew %q for %s", why.waits, m.cfg.ParkLimit)
	if h.Kind != state.KindTasks {
		return m.retryTransition(
			s,
			func() (state.TransitionEffects, error) {
				return m.store.FinishFail(s.ctx, s.worker, h.ClaimedMessage, f)
			},
		)
	}

	return m.failAll(s, h, f)
}
