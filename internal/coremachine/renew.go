package coremachine

import (
	"context"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"

	"github.com/google/uuid"
)

// Renewer renews the lease of a process.
type Renewer interface {
	RenewLease(ctx context.Context, worker uuid.UUID, lease time.Duration) (alive bool, err error)
}

// maxRenewals is the maximum number of concurrent renewals.
const maxRenewals = 3

// renewal is an attempt to renew the lease, with its answer.
type renewal struct {
	begin time.Time
	alive bool
	err   error
}

// renew renews the lease until the session ends. If the database answers that
// the lease has ended, renew ends the session. If the completions of this
// process fail for too long, renew does not renew the lease.
//
// If a renewal is slow, renew does not cancel it, because on a process that is
// short of CPU the next renewal would not be faster. It starts another renewal
// alongside the slow one and uses the first answer.
func (m *Machine) renew(s *session) {
	again := min(time.Second, m.cfg.Renew/2)
	answers, open := make(chan renewal, maxRenewals), 0

	next := time.NewTimer(m.cfg.Renew)
	defer next.Stop()

	for {
		select {
		case <-s.ctx.Done():
			return

		case begin := <-next.C:
			if since, stuck := s.landing.stuck(begin, m.cfg.Lease); stuck {
				err := state.Errorf(
					state.CodeUnavailable,
					"coremachine.renew",
					"no completion has succeeded for %s",
					since,
				)
				m.log.Warn("lease not renewed: completions fail", keys.Worker, s.worker, keys.Error, err)
				next.Reset(again)

				continue
			}

			if open < maxRenewals {
				open++

				m.loops.Go(func() { answers <- m.tryRenewal(s) })
			}

			next.Reset(m.cfg.renewAgain())

		case a := <-answers:
			open--

			took := time.Since(a.begin)
			switch {
			case a.err == nil && a.alive:
				s.term.extend(a.begin.Add(m.cfg.usable()))
				s.renewed.Store(true)
				next.Reset(max(0, m.cfg.Renew-2*took)) // the next may take as long
			case a.err == nil:
				s.lose()
				return
			default:
				m.log.Warn("renewing the lease failed", keys.Worker, s.worker, keys.Error, a.err)
				next.Reset(max(0, again-took))
			}
		}
	}
}

// tryRenewal renews the lease once. It may take until the lease's contexts end.
func (m *Machine) tryRenewal(s *session) renewal {
	a := renewal{begin: time.Now()}

	limit, cancel := context.WithDeadline(s.ctx, a.begin.Add(m.cfg.usable()))
	defer cancel()

	a.err = catch("coremachine.renew", func() (err error) {
		a.alive, err = m.store.RenewLease(limit, s.worker, m.cfg.Lease)
		return err
	})

	return a
}
