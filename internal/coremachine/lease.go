package coremachine

import (
	"context"
	"math/rand/v2"
	"os"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// keepLease gives the process a lease, renews it, and when it is lost ends all work under it and starts anew under another id.
func (m *Machine) keepLease(ctx context.Context) {
	for ctx.Err() == nil {
		worker := uuid.New()
		_, err := retry(ctx, func() (struct{}, error) {
			err := m.store.OpenLease(ctx, worker, m.cfg.Lease, m.cfg.Build, hostName(), os.Getpid())
			return struct{}{}, err
		})
		if err != nil {
			if ctx.Err() == nil {
				m.log.Error("no lease could be opened", keys.Error, err)
				sleep(ctx, m.cfg.Renew)
			}
			continue
		}
		s := m.newSession(ctx, worker)
		m.session.Store(s)
		m.log.Info("lease opened", keys.Worker, worker)
		m.watch(ctx, s)
		if ctx.Err() != nil {
			return // Stop ends the session
		}
		m.session.Store(nil)
		s.end(errLeaseLost)
		s.wait()
		m.log.Warn("lease lost: its work was given up", keys.Worker, worker)
	}
}

// watch renews the lease and looks for jobs that are being stopped; it returns when the lease is lost, or ctx ends.
func (m *Machine) watch(ctx context.Context, s *session) {
	renewed := time.Now() // the lease cannot end before renewed+Lease
	next := renewed.Add(m.cfg.Renew)
	m.sharePace(ctx, true)
	for sleep(ctx, min(time.Second, m.cfg.Renew/2)) {
		if working := s.jobs(); len(working) > 0 {
			m.cancelStopping(ctx, s, working)
		}
		due := !time.Now().Before(next)
		m.sharePace(ctx, due)
		if !due {
			continue
		}
		begin := time.Now()
		limit, cancel := context.WithTimeout(ctx, m.cfg.Renew)
		alive, err := m.store.RenewLease(limit, s.worker, m.cfg.Lease)
		if err == nil && alive {
			m.reportProgress(limit, s)
			m.releaseForgotten(limit, s)
		}
		cancel()
		switch {
		case err == nil && alive:
			renewed, next = begin, begin.Add(m.cfg.Renew)
		case err == nil, time.Since(renewed) > m.cfg.Lease:
			return
		default:
			next = time.Now() // try again with the next look
			m.log.Warn("the lease could not be renewed", keys.Error, err)
		}
	}
}

// releaseForgotten puts back what the database says this process holds and this process knows nothing of. Under a lease that lives on
// nobody else would ever free it.
func (m *Machine) releaseForgotten(ctx context.Context, s *session) {
	n, moved, err := m.store.ReleaseForgotten(ctx, s.worker, s.messages(), m.cfg.Renew)
	m.wake(moved)
	if err == nil && n > 0 {
		m.log.Warn("messages that this process held and knew nothing of were put back", keys.Count, n)
	}
}

func (m *Machine) cancelStopping(ctx context.Context, s *session, working []state.JobID) {
	limit, cancel := context.WithTimeout(ctx, m.cfg.Renew)
	defer cancel()
	ids, err := m.store.StoppingJobs(limit, working)
	if err != nil {
		return // the renewal reports it
	}
	for _, id := range ids {
		s.cancelJob(id)
	}
}

// freeLost looks for work whose holder's lease has ended and puts it back.
func (m *Machine) freeLost(ctx context.Context) {
	every := m.cfg.Renew * 3 / 5
	for sleep(ctx, every/2+rand.N(every)) {
		for {
			freed, moved, err := m.store.FreeLost(ctx)
			if err != nil {
				if ctx.Err() == nil && state.CodeOf(err) != state.CodeUnavailable {
					m.log.Error("lost work could not be freed", keys.Error, err)
				}
				break
			}
			m.wake(moved)
			if freed == 0 {
				break
			}
			m.log.Warn("work of a lost process was freed", keys.Count, freed)
		}
	}
}
