package coremachine

import (
	"context"
	"errors"
	"math/rand/v2"

	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"

	"github.com/google/uuid"
)

// Reclaimer finds and requeues the work of processes whose lease has ended.
type Reclaimer interface {
	Orphans(ctx context.Context, most int) ([]state.Orphan, error)
	ReclaimExpired(
		ctx context.Context,
		worker uuid.UUID,
		orphans []state.Orphan,
	) (freed int, effects state.TransitionEffects, err error)
}

// Bounds of what one pass over lost work lists, and of what one transaction
// requeues.
const (
	orphansMost = 5000 // messages
	lostTasks   = 5000 // tasks; messages of other kinds count as one
)

// reclaimExpired looks for work whose holder's lease has ended and requeues it.
func (m *Machine) reclaimExpired(ctx context.Context) {
	every := m.cfg.Renew * 3 / 5
	for clock.Sleep(ctx, every/2+rand.N(every)) {
		freed, effects, err := m.requeueLost(ctx)
		m.wake(effects)

		if freed > 0 {
			m.log.Warn("work of a lost process requeued", keys.Count, freed)
		}

		if err != nil && ctx.Err() == nil {
			m.log.Error("requeueing work of a lost process failed", keys.Error, err)
		}
	}
}

// requeueLost requeues all work of processes whose lease has ended, batch by
// batch, and wakes its receivers after each. The next pass finds what is left of
// a batch that failed. It is a step of the sweep too, so it has the results of
// one, but its effects are empty.
func (m *Machine) requeueLost(ctx context.Context) (freed int, effects state.TransitionEffects, err error) {
	var problems []error

	for ctx.Err() == nil {
		orphans, err := m.store.Orphans(ctx, orphansMost)
		if err != nil {
			problems = append(problems, err)
			break
		}

		passed := 0

		for len(orphans) > 0 && ctx.Err() == nil {
			batch, rest := nextBatch(orphans, lostTasks)
			n, err := m.requeueBatch(ctx, batch)
			passed += n

			if err != nil {
				problems = append(problems, err)
			}

			orphans = rest
		}

		freed += passed
		if passed == 0 || len(problems) > 0 { // locked by others, or trouble: the next pass
			break
		}
	}

	return freed, effects, errors.Join(problems...)
}

// requeueBatch requeues orphans of one holder. A batch that reaches the time
// limit of a statement is halved, down to a single task.
func (m *Machine) requeueBatch(ctx context.Context, batch []state.Orphan) (freed int, err error) {
	freed, effects, err := m.store.ReclaimExpired(ctx, batch[0].Worker, batch)
	m.wake(effects) // immediately: other processes can run it while this one requeues the rest

	size := sizeOf(batch)
	if err == nil || size == 1 || ctx.Err() != nil || !errors.Is(err, state.ErrStatementTimeout) {
		return freed, err
	}

	m.log.Warn("requeueing work reached the statement timeout; halving the batch",
		keys.Count, size, keys.Worker, batch[0].Worker, keys.Error, err)

	var problems []error

	for half := (size + 1) / 2; len(batch) > 0; {
		part, rest := nextBatch(batch, half)
		n, err := m.requeueBatch(ctx, part)
		freed += n

		problems = append(problems, err)
		batch = rest
	}

	return freed, errors.Join(problems...)
}

// nextBatch cuts off the first orphans of one holder and attempt that have at
// most most tasks. A message with more tasks is a batch of its own, cut in
// ranges.
func nextBatch(orphans []state.Orphan, most int) (batch, rest []state.Orphan) {
	n, tasks := 0, 0

	same := func(o *state.Orphan) bool {
		return o.Worker == orphans[0].Worker && o.Attempt == orphans[0].Attempt
	}
	for n < len(orphans) && same(&orphans[n]) && tasks+orphanTasks(&orphans[n]) <= most {
		tasks += orphanTasks(&orphans[n])
		n++
	}

	if n > 0 {
		return orphans[:n], orphans[n:]
	}

	head := orphans[0]
	head.Count = most

	rest = append([]state.Orphan{}, orphans...)
	rest[0].First += most
	rest[0].Count -= most

	return []state.Orphan{head}, rest
}

func orphanTasks(o *state.Orphan) int {
	if o.Kind == state.KindTasks {
		return o.Count
	}

	return 1
}

func sizeOf(batch []state.Orphan) (tasks int) {
	for i := range batch {
		tasks += orphanTasks(&batch[i])
	}

	return tasks
}
