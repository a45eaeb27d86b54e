package coremachine

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"coremachine/internal/state"
)

// errAttemptOver is the cause when task code emits a part after its handler
// returned.
var errAttemptOver = errors.New("the attempt has ended: a handler cannot emit after it has returned")

// partSum identifies the content of a part.
type partSum = [sha256.Size]byte

// emitter numbers the parts of one attempt without gaps, also if goroutines
// call Emit concurrently. If a write fails temporarily, the emitter repeats it
// under the same number until the caller's context or the attempt ends.
//
// If a write ends without an answer, it may have been committed. The emitter
// remembers its content: a later Emit of the same content is the caller's own
// repeat and does not make a second part.
//
// Most handlers emit nothing, so begin makes at the first part what a part
// needs.
type emitter struct {
	store   func(ctx context.Context, part int, data []byte) (state.PartFate, error)
	attempt context.Context //nolint:containedctx // of the handler

	mu   sync.Mutex
	over bool                    // the attempt has ended
	ctx  context.Context         //nolint:containedctx // ends with the attempt; nil: nothing was emitted
	end  context.CancelCauseFunc // of ctx
	turn chan struct{}           // holds a value while a part is being written

	next   int                  // number of the next part
	unsure map[partSum]struct{} // contents that may be stored under next: their writes had no answer
	landed map[partSum]int      // parts that are stored though their Emit failed
}

func newEmitter(
	ctx context.Context,
	store func(context.Context, int, []byte) (state.PartFate, error),
) *emitter {
	return &emitter{store: store, attempt: ctx}
}

// begin prepares for a part. It reports false if the attempt has ended.
func (e *emitter) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.over {
		return false
	}

	if e.ctx == nil {
		e.ctx, e.end = context.WithCancelCause(e.attempt)
		e.turn = make(chan struct{}, 1)
		e.unsure, e.landed = map[partSum]struct{}{}, map[partSum]int{}
	}

	return true
}

// close ends what is being emitted and refuses what comes later. It returns
// when no part is being written any more.
func (e *emitter) close() {
	e.mu.Lock()
	e.over = true
	began := e.ctx != nil
	e.mu.Unlock()

	if !began {
		return
	}

	e.end(errAttemptOver)

	e.turn <- struct{}{} // kept
}

func (e *emitter) emit(ctx context.Context, data []byte) error {
	if !e.begin() {
		return errAttemptOver
	}

	ctx, cancel := joinContext(ctx, e.ctx)
	defer cancel()

	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}

	if ctx.Err() != nil {
		return context.Cause(ctx)
	}

	if e.repeats(data) {
		return nil
	}

	for {
		again, err := e.write(ctx, data)
		if !again {
			return err
		}
	}
}

// repeats reports whether data is the repeat of a part that is stored though
// its Emit failed.
func (e *emitter) repeats(data []byte) bool {
	if len(e.landed) == 0 {
		return false
	}

	sum := sha256.Sum256(data)
	if e.landed[sum] == 0 {
		return false
	}

	if e.landed[sum]--; e.landed[sum] == 0 {
		delete(e.landed, sum)
	}

	return true
}

// write stores data under the next number. again is true where that number
// turned out to be used by an earlier write without an answer.
func (e *emitter) write(ctx context.Context, data []byte) (again bool, err error) {
	fate, err := retry(ctx, func() (state.PartFate, error) { return e.store(ctx, e.next, data) })
	if err != nil {
		e.unsure[sha256.Sum256(data)] = struct{}{}
		return false, err
	}

	switch {
	case fate.Stored:
		e.next++
		clear(e.unsure) // none of them can land any more: the number is used

		return false, nil
	case !fate.Held:
		return false, errLeaseLost
	}

	if _, ours := e.unsure[fate.Found]; !ours {
		return false, state.Errorf(state.CodeInternal, "coremachine.Emit",
			"part %d of this attempt is already stored with different content", e.next)
	}

	e.landed[fate.Found]++
	e.next++
	clear(e.unsure)

	return true, nil
}

// joinContext returns a context that ends with either of two, with the cause of
// the one that ended first.
func joinContext(ctx, other context.Context) (context.Context, context.CancelFunc) {
	joined, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(context.Cause(other)) })

	return joined, func() {
		stop()
		cancel(nil)
	}
}
