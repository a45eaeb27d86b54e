package coremachine

import (
	"context"
	"os"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Leaser keeps the lease of a process and what the process has claimed under it.
type Leaser interface {
	OpenLease(ctx context.Context, worker uuid.UUID, lease time.Duration, build, host string, pid int) error
	Rejoin(
		ctx context.Context,
		worker uuid.UUID,
		lost []state.ClaimedMessage,
	) (excused int, effects state.TransitionEffects, err error)
	ReleaseForgotten(
		ctx context.Context,
		worker uuid.UUID,
		known []state.Message,
		age time.Duration,
	) (n int, effects state.TransitionEffects, err error)
	StoppingJobs(ctx context.Context, of []state.JobRef) ([]state.JobRef, error)
}

// usable is how long handlers may run after the start of the last renewal that
// succeeded. The lease cannot end before the whole of Lease has passed: the
// database counts from a later moment. What is kept back is the time in which a
// handler that ignores its context is given up, and the granularity of clocks
// and timers.
func (c *Config) usable() time.Duration {
	return c.Lease - min(c.Grace/2+c.Lease/50, c.Lease/3)
}

// renewAgain is how long a renewal may go unanswered before another one starts
// next to it: two fit in between the time when the first is due and the end of
// the handlers' contexts.
func (c *Config) renewAgain() time.Duration { return max(c.usable()-c.Renew, c.Renew/2) / 2 }

// keepLease gives the process a lease and renews it. When it is lost all work
// under it ends, and the process starts again under another worker id.
func (m *Machine) keepLease(ctx context.Context) {
	for ctx.Err() == nil {
		s, err := m.openSession(ctx)
		if err != nil {
			if ctx.Err() == nil {
				m.log.Error("opening a lease failed", keys.Error, err)
				clock.Sleep(ctx, m.cfg.Renew)
			}

			continue
		}

		m.session.Store(s)
		m.log.Info("lease opened", keys.Worker, s.worker)
		m.loops.Go(func() { m.keepRunning(s.ctx, "coremachine.look", func() { m.look(s) }) })

		if m.guard("coremachine.renew", func() { m.renew(s) }) {
			s.lose()
		}

		if ctx.Err() != nil {
			return // Stop ends the session
		}

		m.session.Store(nil)
		m.log.Warn("lease lost; work abandoned", keys.Worker, s.worker, keys.Error, context.Cause(s.ctx))
		s.wait()
		m.loops.Go(func() { m.guard("coremachine.rejoin", func() { m.rejoin(ctx, s) }) })
	}
}

// openSession opens a lease under a fresh worker id.
func (m *Machine) openSession(ctx context.Context) (*session, error) {
	worker := uuid.New()

	begin, err := retry(ctx, func() (time.Time, error) {
		begin := time.Now()

		limit, cancel := context.WithTimeout(ctx, m.cfg.usable())
		defer cancel()

		return begin, m.store.OpenLease(limit, worker, m.cfg.Lease, m.cfg.Build, hostName(), os.Getpid())
	})
	if err != nil {
		return nil, err
	}

	s := m.newSession(ctx, worker)
	s.term.extend(begin.Add(m.cfg.usable()))

	return s, nil
}

// look watches for jobs that are being stopped, shares how long tasks take, and
// after each renewal reports progress and releases what was forgotten. It is
// apart from the renewal, which none of these may delay.
func (m *Machine) look(s *session) {
	m.shareDurations(s.ctx, true)

	for clock.Sleep(s.ctx, min(time.Second, m.cfg.Renew/2)) {
		if working := s.jobs(); len(working) > 0 {
			m.cancelStopping(s.ctx, s, working)
		}

		renewed := s.renewed.Swap(false)
		m.shareDurations(s.ctx, renewed)

		if renewed {
			limit, cancel := context.WithTimeout(s.ctx, m.cfg.Renew)
			m.reportProgress(limit, s)
			m.releaseForgotten(limit, s)
			m.takeParked(limit, s)
			cancel()
		}
	}
}

// rejoin releases what a lease that was lost still holds, and takes back the
// losses that others have counted for it: the process lives. One that stood
// still past the end of its lease has no such excuse, since its own work may be
// why.
func (m *Machine) rejoin(ctx context.Context, s *session) {
	if s.term.late() {
		return
	}

	_, err := retry(ctx, func() (struct{}, error) {
		limit, cancel := context.WithTimeout(ctx, m.cfg.Lease)
		defer cancel()

		excused, effects, err := m.store.Rejoin(limit, s.worker, s.lost)
		m.wake(effects)

		if err == nil && excused > 0 {
			m.log.Info("losses of an earlier lease taken back", keys.Worker, s.worker, keys.Count, excused)
		}

		return struct{}{}, err
	})
	if err != nil && ctx.Err() == nil {
		m.log.Error("taking back losses of an earlier lease failed", keys.Worker, s.worker, keys.Error, err)
	}
}

// releaseForgotten requeues messages that this process has claimed according to
// the database but that it does not work on. While this lease is renewed, no
// other process would free them.
func (m *Machine) releaseForgotten(ctx context.Context, s *session) {
	n, effects, err := m.store.ReleaseForgotten(ctx, s.worker, s.messages(), m.cfg.Renew)
	m.wake(effects)

	if err == nil && n > 0 {
		m.log.Warn("forgotten claims released", keys.Count, n)
	}
}

func (m *Machine) cancelStopping(ctx context.Context, s *session, working []state.JobRef) {
	limit, cancel := context.WithTimeout(ctx, m.cfg.Renew)
	defer cancel()

	stopping, err := m.store.StoppingJobs(limit, working)
	if err != nil {
		return // the next renewal looks again
	}

	for _, job := range stopping {
		s.cancelJob(job.JobID, job.Incarnation)
	}
}
