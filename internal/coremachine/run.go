package coremachine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// bundle is a held range of tasks with what its attempts share.
type bundle struct {
	m       *Machine
	s       *session
	h       *inFlight
	decl    declaration
	handler handlers.Handler
	params  define.Params
	lineage *lineage
	log     *slog.Logger
	open    sync.WaitGroup        // attempts, until they are booked
	problem atomic.Pointer[error] // why an end was not booked
	ends    gathering
}

// run runs the tasks that a held message covers and returns when each is
// booked, handed back or fenced out.
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
		return m.retryTransition(
			s,
			func() (state.TransitionEffects, error) {
				return state.TransitionEffects{}, m.store.Drop(s.ctx, s.worker, h.ClaimedMessage)
			},
		)
	}

	b.ends.tasks, b.ends.quick, b.ends.began = len(tasks), state.Quick(m.durations.of(h.TaskType)), time.Now()
	b.runAll(tasks)
	b.open.Wait()

	if context.Cause(h.ctx) != nil && s.ctx.Err() == nil {
		// Cancelled: what is left of the message goes to the stop.
		return m.retryTransition(
			s,
			func() (state.TransitionEffects, error) {
				return m.store.Release(s.ctx, s.worker, h.ClaimedMessage, 0, "")
			},
		)
	}

	if why := b.lineage.changed.Load(); why != nil {
		return m.park(s, h, why)
	}

	if problem := b.problem.Load(); problem != nil {
		return state.Wrap(
			state.CodeUnavailable,
			"coremachine.run",
			"end of attempt not recorded",
			*problem,
		)
	}

	return nil
}

// requeue puts a message back when what it needs cannot be read now. Where its
// job is being stopped, that is why, and what is left goes to the stop.
func (m *Machine) requeue(s *session, h *inFlight, cause error) error {
	if errors.Is(context.Cause(h.ctx), errCancelled) && s.ctx.Err() == nil {
		return m.retryTransition(
			s,
			func() (state.TransitionEffects, error) {
				return m.store.Release(s.ctx, s.worker, h.ClaimedMessage, 0, "")
			},
		)
	}

	m.log.Error("message requeued", keys.JobID, h.JobID, keys.Stage, h.StageName,
		keys.TraceID, traceID(h.Traceparent), keys.Error, cause)

	return m.retryTransition(
		s,
		func() (state.TransitionEffects, error) {
			return m.store.Release(s.ctx, s.worker, h.ClaimedMessage, time.Second, "")
		},
	)
}

// load finds the tasks and the parameters. A fresh message of computed inputs
// covers its whole range: nothing is read.
func (b *bundle) load() ([]state.BundleTask, error) {
	h := b.h

	_, raw, err := b.m.store.Job(h.ctx, h.JobID)
	if err != nil {
		return nil, err
	}

	if b.params, err = storedParams(b.decl.job, raw); err != nil {
		return nil, err
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

// runAll starts the tasks in index order as slots come free. A bundle that
// takes long hands its unstarted rest back, so that another process may take
// it.
func (b *bundle) runAll(tasks []state.BundleTask) {
	if b.ends.quick && b.h.Losses == 0 && !slices.ContainsFunc(tasks, suspect) && b.h.takeSlot() {
		tasks = tasks[b.runQuick(tasks):]
	}

	for i := 0; i < len(tasks); i++ {
		if suspect(tasks[i]) && !b.h.suspect {
			if i+1 < len(tasks) && b.split(tasks[i+1:]) {
				tasks = tasks[:i+1] // what follows does not wait behind it
			}

			if !b.becomeSuspect() {
				return
			}
		}

		if !b.nextSlot(tasks[i:]) {
			return
		}

		b.open.Add(1)
		b.m.pool.run(func() {
			b.attempt(tasks[i], func(keeps bool) {
				if keeps {
					b.m.slots.release()
				}
			})
		})
	}
}

// nextSlot gets a slot for the first of the tasks that are left: the reserved
// one, or one that comes free before the bundle's budget is spent. Otherwise it
// hands the rest back and returns false, as when the context ended.
func (b *bundle) nextSlot(rest []state.BundleTask) bool {
	if b.h.ctx.Err() != nil {
		return false
	}

	if b.h.takeSlot() {
		return true
	}

	if rest[0].Index == b.h.First { // nothing to hand back: the message begins here
		return b.m.slots.acquire(b.h.ctx)
	}

	patience := b.patience()
	if patience <= 0 && b.split(rest) {
		return false
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

// becomeSuspect waits as reserveSuspect does, for a task whose message did not
// say that it is one.
func (b *bundle) becomeSuspect() bool {
	if b.h.takeSlot() {
		b.m.slots.release()
	}

	for !b.m.suspect.CompareAndSwap(false, true) {
		if !sleep(b.h.ctx, suspectPoll) {
			return false
		}
	}

	b.h.suspect = true

	limit, cancel := context.WithTimeout(b.h.ctx, b.m.cfg.SuspectWait)
	defer cancel()

	b.m.slots.awaitIdle(limit)

	return b.h.ctx.Err() == nil
}

// suspect tells whether a task may be what kills processes.
func suspect(t state.BundleTask) bool { return t.Losses >= suspectLosses }

// patience is how long a bundle waits for slots before its rest is handed back.
func (b *bundle) patience() time.Duration { return b.m.cfg.Budget - time.Since(b.h.at) }

func (b *bundle) split(rest []state.BundleTask) bool {
	err := b.m.retryTransition(b.s, func() (state.TransitionEffects, error) {
		return b.m.store.Split(b.s.ctx, b.s.worker, b.h.ClaimedMessage, rest[0].Index, len(rest))
	})

	return err == nil
}

// attempt runs one attempt of one task in a slot of the caller's. Its end is
// taken once: from the handler, or, when that stays deaf to its context, a
// grace after the context ended. Then the slot is free again, and keeps is
// false. over is called last, also when the handler ends this goroutine with
// runtime.Goexit and attempt never returns.
func (b *bundle) attempt(t state.BundleTask, over func(keeps bool)) {
	var once sync.Once

	started := b.h.ClaimedAt.Add(time.Since(b.h.at))
	ctx, cancel := b.handlerContext(t, started)
	take := func(result []byte, err error) (first bool) {
		once.Do(func() {
			first = true
			cause := context.Cause(ctx)

			b.h.progress.over(t.Index)

			panicked := catch("coremachine.end", func() error {
				b.end(ctx, t, started, result, err, cause)
				return nil
			})
			if panicked != nil {
				b.booked(1, panicked)
			}
		})

		return first
	}

	b.m.running.Add(1)

	returned := make(chan struct{})
	watch := context.AfterFunc(ctx, func() {
		b.m.guard("coremachine.abandon", func() {
			if !stillOut(returned, b.m.cfg.Grace/2) || !take(nil, context.Cause(ctx)) {
				return
			}

			b.m.slots.release()
			b.m.countUnresponsive()
			b.log.Warn("unresponsive handler abandoned: it did not return when its context ended",
				keys.Index, t.Index, keys.Attempt, b.h.Attempt)
		})
	})

	var result []byte

	err := errExited // unless the handler returns

	defer func() {
		close(returned)
		watch()

		keeps := take(result, err)
		if !keeps {
			b.m.unresponsive.Add(-1)
		}

		cancel()
		b.m.running.Add(-1)
		over(keeps)
	}()

	err = catch("coremachine.attempt", func() (err error) {
		result, err = b.call(ctx, t)
		return err
	})
}

// handlerContext is what a handler runs under.
func (b *bundle) handlerContext(t state.BundleTask, started time.Time) (context.Context, context.CancelFunc) {
	ctx := b.h.ctx
	if o := b.m.cfg.Observer; o != nil {
		b.m.guard("coremachine.Observer", func() { ctx = o.Began(ctx, &b.h.ClaimedMessage, t.Index, started) })
	}

	return context.WithTimeoutCause(ctx, b.handler.Timeout(), errDeadline)
}

// observe tells of an attempt's end, before it is booked: one that a fence
// refuses was still run. The code is CodeUnavailable for one that was cut off
// and is not booked.
func (b *bundle) observe(
	ctx context.Context,
	index int,
	from time.Time,
	status state.TaskStatus,
	code state.Code,
) {
	if o := b.m.cfg.Observer; o != nil {
		to := b.h.ClaimedAt.Add(time.Since(b.h.at))
		b.m.guard("coremachine.Observer", func() { o.Ended(ctx, &b.h.ClaimedMessage, index, from, to, status, code) })
	}
}

// turns is in how many waits stillOut waits. On a process that is short of CPU
// each takes as long as it takes to give every goroutine a turn, so that a
// handler that only waits for its turn is not taken for one that ignores its
// context.
const turns = 20

// stillOut waits for a handler to return and reports whether it has not.
func stillOut(returned <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d / turns)
	defer t.Stop()

	for range turns {
		select {
		case <-t.C:
			t.Reset(d / turns)
		case <-returned:
			return false
		}
	}

	return true
}

func (b *bundle) call(ctx context.Context, t state.BundleTask) ([]byte, error) {
	h := b.h

	input, err := b.input(ctx, t)
	if err != nil {
		return nil, err
	}

	parts := newEmitter(
		ctx,
		func(ctx context.Context, part int, data []byte) (fate state.PartFate, err error) {
			err = catch("coremachine.Emit", func() (err error) {
				fate, err = b.m.store.EmitPart(ctx, b.s.worker, h.ClaimedMessage, t.Index, part, data)
				return err
			})
			if isPanic(err) {
				err = b.lineage.storePanicked(err)
			}

			return fate, err
		},
	)
	defer parts.close()

	task := handlers.NewTask(handlers.TaskSpec{
		JobID:       h.JobID,
		JobType:     h.JobType,
		Stage:       h.StageName,
		StageNumber: h.Stage,
		Gen:         h.Gen,
		Index:       t.Index,
		Attempt:     h.Attempt,
		Failures:    t.Failures,
		Total:       h.Total,
		Params:      b.params.Canonical,
		Deps:        b.m.cfg.Deps,
		Key:         state.IdempotencyKey(h.JobID, h.Incarnation, h.Stage, h.Gen, t.Index),
		Log:         b.log.With(keys.Index, t.Index, keys.Attempt, h.Attempt),
		Lineage:     b.lineage.of(t.Index),
		Progress:    func(fraction float64, note string) { h.progress.set(t.Index, fraction, note) },
		Emit:        parts.emit,
	})

	return b.handler.Run(ctx, task, input)
}

// input computes a task's input, or reads it where it was left out of the
// bundle's page.
func (b *bundle) input(ctx context.Context, t state.BundleTask) ([]byte, error) {
	switch {
	case b.h.Shape.Pure():
		return b.decl.job.Input(b.params, b.decl.number, t.Index)
	case t.Later:
		return retry(ctx, func() ([]byte, error) { return b.m.store.Input(ctx, b.h.ClaimedMessage, t.Index) })
	}

	return t.Input, nil
}

// end books how an attempt ended. One whose process is going away, or whose job
// is being stopped, is not booked: its message goes back, and the next claim or
// the stop decides.
func (b *bundle) end(
	ctx context.Context,
	t state.BundleTask,
	started time.Time,
	result []byte,
	err, cause error,
) {
	if err != nil && b.cutOff(err, cause) {
		b.observe(ctx, t.Index, started, state.TaskQueued, state.CodeUnavailable)
		b.open.Done()
		b.gather(nil)

		return
	}

	h := b.h

	end := taskEnd{TaskEnd: state.TaskEnd{
		JobID:     h.JobID,
		MessageID: h.MessageID,
		Attempt:   h.Attempt,
		Stage:     h.Stage,
		Gen:       h.Gen,
		Index:     t.Index,
		Status:    state.TaskCompleted,
		Result:    result,
		StartedAt: started,
	}, retry: b.handler.Retry(), failures: t.Failures}
	if err != nil {
		end.fail(err, cause)
	}

	b.observe(ctx, t.Index, started, end.Status, end.Code)
	b.gather(&end)
}

// cutOff reports whether the end of an attempt counts for nothing: its process
// is going away, its job is being stopped, this build cannot do the work, or
// the engine panicked.
func (b *bundle) cutOff(err, cause error) bool {
	// catch made it
	if known, ok := err.(*state.Error); ok && known.Code == state.CodeEnginePanic { //nolint:errorlint
		b.problem.Store(&err)
		return true
	}

	if panicked := b.lineage.panicked.Load(); panicked != nil {
		b.problem.Store(panicked)
		return true
	}

	if b.lineage.changed.Load() != nil {
		return true
	}

	return errors.Is(cause, errShutdown) || errors.Is(cause, errLeaseLost) ||
		errors.Is(cause, errCancelled) || errors.Is(cause, errPanicked)
}
