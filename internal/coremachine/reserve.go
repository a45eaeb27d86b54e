package coremachine

import (
	"context"
	"math/rand/v2"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Deferrer makes an unclaimed message due again later.
type Deferrer interface {
	Claimable(ctx context.Context, msg state.Message) (bool, error)
	Defer(ctx context.Context, msg state.Message, delay time.Duration, resend bool) error
}

// Limits of waiting for a slot.
const (
	// localSlotWait is the wait if every process receives from the same queue,
	// so that another one can have the message as soon as it is deferred.
	localSlotWait = time.Second
	// lookEvery is the interval at which a waiting message is checked, because
	// another process may have done its work.
	lookEvery = 5 * time.Second
	// A deferred message is due again after deferLeast to deferMost.
	deferLeast = time.Second
	deferMost  = 30 * time.Second
	// suspectPoll is the interval at which a claimed suspect checks whether the
	// suspect before it has ended.
	suspectPoll = time.Second
	// suspectLosses is the number of lost workers that make a task a suspect.
	suspectLosses = 2
)

// Room limits what a process receives from a queue for itself: the function
// waits until a slot is free, and returns how many of most messages can start;
// 0: ctx ended first. The queue of messages that plan, stop and end jobs has no
// limit (nil): they need no slot.
func (m *Machine) Room(q state.Queue) func(ctx context.Context, most int) int {
	if q == state.QueueJobs {
		return nil
	}

	return func(ctx context.Context, most int) int { return min(most, m.slots.awaitFree(ctx)) }
}

// Full reports whether no slot is free.
func (m *Machine) Full() bool { return m.slots.fullFor() > 0 }

// reserve gets the slot for the first task of a message, before the message is
// claimed: a message that waits for a slot has no holder, and costs no attempt.
// If there is no slot for a while, reserve defers the message. The caller
// claims only if ok.
func (m *Machine) reserve(s *session, h *inFlight, msg state.Message) (ok bool, err error) {
	if msg.Losses >= suspectLosses {
		return m.reserveSuspect(s, h, msg)
	}

	if m.slots.tryAcquire() {
		h.slot = true
		return true, nil
	}

	limit, cancel := context.WithTimeout(h.ctx, m.slotWait())
	defer cancel()

	return m.awaitSlot(limit, s, h, msg)
}

// slotWait is how long a message waits for a slot. A process that is fed by
// another (a Functions host, Service Bus) keeps the delivery: each time that it
// gave one back would use up a delivery or another send.
func (m *Machine) slotWait() time.Duration {
	if m.receives.Load() && !m.cfg.Relayed {
		return localSlotWait
	}

	return m.cfg.SlotWait
}

// reserveSuspect gets the slot for a task that may be what kills processes. One
// such task at a time waits or runs in a process. It starts when the process is
// idle or after SuspectWait, and then waits for one slot as every message does,
// behind those that came before it: it blocks no other task.
func (m *Machine) reserveSuspect(s *session, h *inFlight, msg state.Message) (ok bool, err error) {
	if !m.suspect.CompareAndSwap(false, true) {
		return false, m.deferMessage(s, msg)
	}

	h.suspect = true

	limit, cancel := context.WithTimeout(h.ctx, m.cfg.SuspectWait)
	defer cancel()
	defer context.AfterFunc(s.intake, cancel)()

	m.slots.awaitIdle(limit)

	return m.awaitSlot(h.ctx, s, h, msg)
}

// awaitSlot waits for a slot until ctx or the intake of the session ends, or
// until the message can no longer be claimed.
func (m *Machine) awaitSlot(
	ctx context.Context,
	s *session,
	h *inFlight,
	msg state.Message,
) (ok bool, err error) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()

	p := m.slots.enqueue()

	for {
		select {
		case <-p.granted:
			h.slot = true
			return true, nil
		case <-look.C:
			claimable := true

			err := catch("coremachine.reserve", func() (err error) {
				claimable, err = m.store.Claimable(h.ctx, msg)
				return err
			})
			if err == nil && !claimable {
				m.slots.leave(p)
				return false, nil
			}

			continue
		case <-ctx.Done():
		case <-s.intake.Done():
		}

		m.slots.leave(p)

		if h.ctx.Err() != nil {
			return false, state.Wrap(
				state.CodeUnavailable,
				"coremachine.Handle",
				"no free slot",
				context.Cause(h.ctx),
			)
		}

		return false, m.deferMessage(s, msg)
	}
}

// deferMessage makes an unclaimed message due again later, and no counter of it
// changes. Over a transport of its own it is a new send: duplicate detection
// would drop the same one.
func (m *Machine) deferMessage(s *session, msg state.Message) error {
	delay := m.deferDelay(msg)

	err := m.store.Defer(s.ctx, msg, delay, m.cfg.Relayed)
	if err != nil {
		return state.Wrap(state.CodeUnavailable, "coremachine.Handle", "deferring the message failed", err)
	}

	m.log.Debug(
		"message deferred: no free slot",
		keys.JobID,
		msg.JobID,
		keys.Queue,
		msg.Queue.String(),
		"delay",
		delay.String(),
	)

	return nil
}

// deferDelay is random, and longer the longer the process has been full.
func (m *Machine) deferDelay(msg state.Message) time.Duration {
	most := min(max(m.slots.fullFor(), 2*deferLeast), deferMost)
	if msg.Losses < suspectLosses {
		return deferLeast + rand.N(most-deferLeast)
	}

	if m.cfg.Relayed { // it was not kept for a while before: at most one send a minute
		return m.cfg.SlotWait/2 + rand.N(deferMost)
	}

	return deferMost/2 + rand.N(deferMost/2)
}

// freeReserved frees what a message reserved and its tasks did not use.
func (m *Machine) freeReserved(h *inFlight) {
	if h.takeSlot() {
		m.slots.release()
	}

	if h.suspect {
		h.suspect = false
		m.suspect.Store(false)
	}
}

// takeSlot passes the reserved slot on to a task, once.
func (h *inFlight) takeSlot() bool {
	had := h.slot
	h.slot = false

	return had
}
