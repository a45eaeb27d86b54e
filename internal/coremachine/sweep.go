package coremachine

import (
	"context"
	"errors"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Sweeper records sweeps and restarts stalled work.
type Sweeper interface {
	SweepBegin(ctx context.Context) (id int64, err error)
	SweepBeginDue(ctx context.Context, every time.Duration) (id int64, ok bool, err error)
	SweepEnd(ctx context.Context, id int64, found state.SweepFound, problem string) error
	Resend(ctx context.Context, idle time.Duration) (int, state.TransitionEffects, error)
	RedriveDeadLetters(ctx context.Context) (int, state.TransitionEffects, error)
	IdleJobs(ctx context.Context) ([]state.JobID, error)
	Repair(ctx context.Context, id state.JobID) (state.TransitionEffects, error)
	PurgeOld(ctx context.Context, retention time.Duration, most int) (int, error)
	RecordTrends(ctx context.Context) error
}

// SweepReport is what one sweep found and did.
type SweepReport struct {
	SweepID int64 `json:"sweep_id"`
	state.SweepFound
	Took time.Duration `json:"-"`
}

// SweepEvery is the interval between sweeps: the fleet makes one in each such
// span of UTC.
const SweepEvery = time.Minute

// NextSweep returns when the sweep after one that began at the given time is
// due.
func NextSweep(begun time.Time) time.Time { return begun.UTC().Truncate(SweepEvery).Add(SweepEvery) }

// Sweep finds stalled work and restarts it, in the order task, stage, job,
// outbox, retention, so that a later step sees what an earlier step repaired.
// Sweep does not fail work that it can restart. Two concurrent sweeps are
// harmless, and each writes its own row. If a step fails, the other steps still
// run. Sweep writes the error to its row and returns it.
func (m *Machine) Sweep(ctx context.Context) (SweepReport, error) {
	id, err := m.store.SweepBegin(ctx)
	if err != nil {
		return SweepReport{}, err
	}

	return m.sweep(ctx, id)
}

// SweepDue sweeps unless a process of the fleet has begun the sweep of the
// current interval already; then swept is false. Every process calls it, more
// often than once in an interval; the database decides which one sweeps.
func (m *Machine) SweepDue(ctx context.Context) (rep SweepReport, swept bool, err error) {
	id, swept, err := m.store.SweepBeginDue(ctx, m.cfg.SweepEvery)
	if err != nil || !swept {
		return SweepReport{}, false, err
	}

	rep, err = m.sweep(ctx, id)

	return rep, true, err
}

func (m *Machine) sweep(ctx context.Context, id int64) (SweepReport, error) {
	begin := time.Now()
	rep := SweepReport{SweepID: id}

	var problems []error

	run := func(step func() error) {
		if err := catch("coremachine.Sweep", step); err != nil {
			problems = append(problems, err)
		}
	}
	count := func(into *int, step func(context.Context) (int, state.TransitionEffects, error)) {
		run(func() error {
			n, effects, err := step(ctx)

			m.wake(effects)

			*into += n

			return err
		})
	}

	run(func() error { return m.store.RecordTrends(ctx) }) // before the queues change
	count(&rep.Lost, m.requeueLost)

	if m.cfg.CollectDeadLetters != nil {
		count(&rep.Collected, func(ctx context.Context) (int, state.TransitionEffects, error) {
			n, err := m.cfg.CollectDeadLetters(ctx)
			return n, state.TransitionEffects{}, err
		})
	}

	count(&rep.Dead, m.store.RedriveDeadLetters)
	count(&rep.Repaired, m.repairIdle)
	count(&rep.Resent, func(ctx context.Context) (int, state.TransitionEffects, error) {
		return m.store.Resend(ctx, m.cfg.SweepEvery/2)
	})

	if m.cfg.Retention > 0 {
		count(&rep.Expired, func(ctx context.Context) (int, state.TransitionEffects, error) {
			n, err := m.store.PurgeOld(ctx, m.cfg.Retention, 1000)
			return n, state.TransitionEffects{}, err
		})
	}

	count(&rep.Purged, m.purge)
	count(&rep.Superseded, m.purgeSuperseded)
	count(&rep.Logs, m.expireLogs)

	err := errors.Join(problems...)

	text := ""
	if err != nil {
		text = err.Error()
		if ctx.Err() == nil {
			m.log.Error("sweep steps failed", keys.Error, err)
		}
	}

	rep.Took = time.Since(begin)

	return rep, errors.Join(err, m.store.SweepEnd(ctx, id, rep.SweepFound, text))
}

func (m *Machine) repairIdle(ctx context.Context) (n int, effects state.TransitionEffects, err error) {
	ids, err := m.store.IdleJobs(ctx)
	if err != nil {
		return 0, effects, err
	}

	var problems []error

	for _, id := range ids {
		one, err := m.store.Repair(ctx, id)
		if err != nil {
			problems = append(problems, err)
			continue
		}

		effects.Add(one)

		n++

		m.log.Warn("recreated missing messages for a stalled job", keys.JobID, id)
	}

	return n, effects, errors.Join(problems...)
}
