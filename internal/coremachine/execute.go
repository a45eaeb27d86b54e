package coremachine

import (
	"context"
	"sync"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"

	"github.com/google/uuid"
)

// TaskStore reads the input of a running attempt and stores the parts that it
// emits.
type TaskStore interface {
	Input(ctx context.Context, h state.ClaimedMessage, index int) ([]byte, error)
	EmitPart(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		index, part int,
		data []byte,
	) (state.PartFate, error)
}

// attempt is one attempt of one task.
type attempt struct {
	state.BundleTask

	started time.Time
	log     *taskLog
	lineage *taskLineage
}

// attempt runs one attempt of one task in a slot of the caller. It records the
// end of the attempt once. If the handler does not return within the grace
// period after its context ended, attempt abandons it: it records the end
// without the handler and frees the slot, and keeps is false. attempt calls over
// last, also if the handler ends this goroutine with runtime.Goexit and attempt
// never returns.
func (b *bundle) attempt(t state.BundleTask, over func(keeps bool)) {
	var once sync.Once

	a := attempt{
		BundleTask: t,
		started:    b.h.ClaimedAt.Add(time.Since(b.h.at)),
		log:        b.newTaskLog(),
		lineage:    b.lineage.of(t.Index),
	}
	ctx, cancel := b.handlerContext(t, a.started)
	take := func(result []byte, err error) (first bool) {
		once.Do(func() {
			first = true
			cause := context.Cause(ctx)

			b.h.progress.over(t.Index)

			panicked := catch("coremachine.end", func() error {
				b.end(ctx, a, result, err, cause)
				return nil
			})
			if panicked != nil {
				b.recorded(1, panicked)
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
		result, err = b.call(ctx, a)
		return err
	})
}

// handlerContext returns the context of a handler. It ends at the deadline of
// the attempt.
func (b *bundle) handlerContext(t state.BundleTask, started time.Time) (context.Context, context.CancelFunc) {
	ctx := b.h.ctx
	if o := b.m.cfg.Observer; o != nil {
		b.m.guard("coremachine.Observer", func() { ctx = o.Began(ctx, &b.h.ClaimedMessage, t.Index, started) })
	}

	return context.WithTimeoutCause(ctx, b.handler.Timeout(), errDeadline)
}

// observe reports the end of an attempt to the Observer before the store
// records it, because an attempt whose end a fence refuses has still run. If
// the attempt was cut off and its end is not recorded, code is CodeUnavailable.
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

// turns is the number of waits into which stillOut divides its time. On a
// process that is short of CPU, every goroutine gets a turn during each wait.
// So stillOut does not mistake a handler that waits for its turn for one that
// ignores its context.
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

func (b *bundle) call(ctx context.Context, a attempt) ([]byte, error) {
	h := b.h

	input, err := b.input(ctx, a.BundleTask)
	if err != nil {
		return nil, err
	}

	parts := newEmitter(
		ctx,
		func(ctx context.Context, part int, data []byte) (fate state.PartFate, err error) {
			err = catch("coremachine.Emit", func() (err error) {
				fate, err = b.m.store.EmitPart(ctx, b.s.worker, h.ClaimedMessage, a.Index, part, data)
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
		Index:       a.Index,
		Attempt:     h.Attempt,
		Failures:    a.Failures,
		Total:       h.Total,
		Params:      b.params.Canonical,
		Deps:        b.m.cfg.Deps,
		Key:         state.IdempotencyKey(h.JobID, h.Incarnation, h.Stage, h.Gen, a.Index),
		Log:         b.logger(a.Index, a.log),
		Lineage:     a.lineage,
		Outcome:     b.outcome,
		Progress:    func(fraction float64, note string) { h.progress.set(a.Index, fraction, note) },
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
