package coremachine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// BundleReader reads what the tasks of a claimed message need.
type BundleReader interface {
	Job(ctx context.Context, id state.JobID) (jobType string, params []byte, err error)
	BundleTasks(ctx context.Context, h state.ClaimedMessage) ([]state.BundleTask, error)
	Outcome(ctx context.Context, id state.JobID) (state.JobOutcome, error)
}

// bundle is a claimed range of tasks with the values that its attempts share.
type bundle struct {
	m       *Machine
	s       *session
	h       *inFlight
	decl    declaration
	handler handlers.Handler
	params  define.Params
	lineage *lineage
	outcome state.JobOutcome // of a finally stage
	log     *slog.Logger
	open    sync.WaitGroup        // attempts whose end is not recorded yet
	problem atomic.Pointer[error] // why the end of an attempt was not recorded
	ends    completionBuffer
}

// run runs the tasks of a claimed message. It returns when the end of each task
// is recorded, or the task is released or fenced out.
func (m *Machine) run(s *session, h *inFlight) error {
	d, err := m.declarationOf(&h.ClaimedMessage)

	handler, known := m.cfg.Handlers[h.TaskType]
	if err == nil && !known {
		err = unknownType(h.TaskType)
	}

	if why, ok := errors.AsType[*mismatch](err); ok {
		return m.park(s, h, why)
	}

	b := &bundle{m: m, s: s, h: h, decl: d, handler: handler, lineage: m.newLineage(s, h, d)}

	b.log = m.log.With(keys.JobID, h.JobID, keys.JobType, h.JobType, keys.Stage, h.StageName)
	if trace := traceID(h.Traceparent); trace != "" {
		b.log = b.log.With(keys.TraceID, trace)
	}

	tasks, err := b.load()
	if why, ok := errors.AsType[*mismatch](err); ok { // this build refuses the parameters
		return m.park(s, h, why)
	}

	if err != nil {
		return m.requeue(s, h, err)
	}

	if len(tasks) == 0 {
		return m.drop(s, h)
	}

	b.ends.tasks, b.ends.began = len(tasks), time.Now()
	b.ends.short = state.Short(m.durations.of(h.TaskType))
	b.runAll(tasks)
	b.open.Wait()

	if context.Cause(h.ctx) != nil && s.ctx.Err() == nil {
		// Cancelled: what is left of the message goes to the stop.
		return m.release(s, h, 0, "")
	}

	if why := b.lineage.changed.Load(); why != nil {
		return m.park(s, h, why)
	}

	if problem := b.problem.Load(); problem != nil {
		return state.Wrap(state.CodeUnavailable, "coremachine.run", "end of attempt not recorded", *problem)
	}

	return nil
}

// load returns the tasks that the message covers, and sets the parameters. The
// first attempt of a message with computed inputs covers its whole range, so
// load does not read the tasks.
func (b *bundle) load() ([]state.BundleTask, error) {
	h := b.h

	_, raw, err := b.m.store.Job(h.ctx, h.JobID)
	if err != nil {
		return nil, err
	}

	if b.params, err = storedParams(b.decl.job, raw); err != nil {
		return nil, err
	}

	if h.Finally {
		if b.outcome, err = b.m.store.Outcome(h.ctx, h.JobID); err != nil {
			return nil, err
		}
	}

	if h.Attempt == 1 && h.Shape.Pure() && h.TasksLeft == h.Count {
		tasks := make([]state.BundleTask, h.Count)
		for i := range tasks {
			tasks[i].Index = h.First + i
		}

		return tasks, nil
	}

	return b.m.store.BundleTasks(h.ctx, h.ClaimedMessage)
}

// runAll starts the tasks in index order as slots become free. If the bundle
// takes long, runAll releases the tasks that it has not started, so that another
// process can run them.
func (b *bundle) runAll(tasks []state.BundleTask) {
	mayBeShort := b.h.Losses == 0 && !slices.ContainsFunc(tasks, suspect)

	for len(tasks) > 0 {
		if suspect(tasks[0]) && !b.h.suspect {
			if len(tasks) > 1 && b.split(tasks[1:]) {
				tasks = tasks[:1] // other processes can run the tasks that follow
			}

			if !b.becomeSuspect() {
				return
			}
		}

		if !b.nextSlot(tasks) {
			return
		}

		if mayBeShort && b.short() {
			tasks = tasks[b.runShort(tasks):]

			continue
		}

		task := tasks[0]
		tasks = tasks[1:]

		b.open.Add(1)
		b.m.pool.run(func() {
			b.attempt(task, func(keeps bool) {
				if keeps {
					b.m.slots.release()
				}
			})
		})
	}
}

// nextSlot gets a slot for the first of the remaining tasks: the reserved slot,
// or one that becomes free before the bundle has spent its budget. If the
// context has ended, nextSlot returns false. If no slot becomes free in time,
// nextSlot releases the remaining tasks and returns false.
func (b *bundle) nextSlot(rest []state.BundleTask) bool {
	if b.h.ctx.Err() != nil {
		return false
	}

	if b.h.takeSlot() {
		return true
	}

	if rest[0].Index == b.h.First { // nothing to release: the message begins with this task
		return b.m.slots.acquire(b.h.ctx)
	}

	patience := b.patience()
	if patience <= 0 && b.split(rest) {
		return false
	}

	if b.m.slots.tryAcquire() {
		return true
	}

	limit, cancel := context.WithTimeout(b.h.ctx, max(patience, time.Millisecond))
	defer cancel()

	if b.m.slots.acquire(limit) {
		return true
	}

	if b.h.ctx.Err() != nil || b.split(rest) {
		return false
	}

	return b.m.slots.acquire(b.h.ctx)
}

// becomeSuspect does for a suspect task what reserveSuspect does for a suspect
// message. It is for a message that was not known to contain such a task.
func (b *bundle) becomeSuspect() bool {
	if b.h.takeSlot() {
		b.m.slots.release()
	}

	for !b.m.suspect.CompareAndSwap(false, true) {
		if !clock.Sleep(b.h.ctx, suspectPoll) {
			return false
		}
	}

	b.h.suspect = true

	limit, cancel := context.WithTimeout(b.h.ctx, b.m.cfg.SuspectWait)
	defer cancel()

	b.m.slots.awaitIdle(limit)

	return b.h.ctx.Err() == nil
}

// suspect reports whether a task may be the cause of worker losses.
func suspect(t state.BundleTask) bool { return t.Losses >= suspectLosses }

// patience returns how long the bundle still waits for slots before it releases
// its remaining tasks.
func (b *bundle) patience() time.Duration { return b.m.cfg.Budget - time.Since(b.h.at) }

func (b *bundle) split(rest []state.BundleTask) bool {
	return b.m.split(b.s, b.h, rest[0].Index, len(rest)) == nil
}
