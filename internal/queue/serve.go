package queue

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Room waits until there is capacity for at least one message, and returns for
// how many of the wanted ones. It returns 0 if ctx ends first.
type Room func(ctx context.Context, wanted int) int

// Serve receives messages and calls handle for each, at most inFlight at a
// time, until ctx ends. Then it waits for the calls in progress. It never
// receives more messages than it has free slots, and room for if room is not
// nil. Serve renews the lock while handle runs, and completes the delivery if
// handle returns nil. Otherwise it abandons the delivery after a pause that
// grows with the delivery count. Without the pause, a process that cannot work
// for a while would use up the permitted deliveries of every message.
func Serve(
	ctx context.Context,
	r Receiver,
	inFlight int,
	room Room,
	log *slog.Logger,
	handle func(context.Context, state.Message) error,
) {
	slots := make(chan struct{}, inFlight)

	var open sync.WaitGroup
	defer open.Wait()

	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}

		free := 1 + acquireFree(slots)
		if room != nil {
			n := room(ctx, free)
			for range free - n {
				<-slots
			}

			free = n
		}

		if free == 0 {
			return
		}

		var batch []Delivery

		err := Protect(log, "queue.Serve", func() (err error) {
			batch, err = r.Receive(ctx, free)
			return err
		})

		for range free - len(batch) {
			<-slots
		}

		if err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrClosed) {
				return
			}

			log.Error("queue receive failed", keys.Error, err)
			clock.Sleep(ctx, time.Second)

			continue
		}

		for _, d := range batch {
			open.Go(func() {
				defer func() { <-slots }()

				serveOne(ctx, r, d, log, handle)
			})
		}
	}
}

func acquireFree(slots chan struct{}) (n int) {
	for {
		select {
		case slots <- struct{}{}:
			n++
		default:
			return n
		}
	}
}

// settleLimit limits the time of a settle call. If the call fails, the lock
// expires.
const settleLimit = 5 * time.Second

// Pauses before a message is abandoned.
const (
	firstPause = 10 * time.Millisecond
	longPause  = 5 * time.Second
)

// Protect calls fn. It logs a panic with its stack and returns an error with
// CodeEnginePanic for it. A loop that serves a queue must survive a panic that
// one message causes.
func Protect(log *slog.Logger, op string, fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			p := state.Panicked(state.CodeEnginePanic, op, "the engine", v)
			log.Error("the engine panicked", keys.Error, p, keys.Stack, p.Stack)

			err = p
		}
	}()

	return fn()
}

func serveOne(
	serving context.Context,
	r Receiver,
	d Delivery,
	log *slog.Logger,
	handle func(context.Context, state.Message) error,
) {
	ctx := context.WithoutCancel(serving)
	renewing, stop := context.WithCancel(ctx)

	var renewal sync.WaitGroup
	renewal.Go(func() { keepLock(renewing, r, d) })

	err := Protect(log, "queue.Serve", func() error { return handle(ctx, d.Message) })
	if err != nil {
		pause := min(firstPause<<min(d.Deliveries, 10), longPause)
		clock.Sleep(serving, pause/2+rand.N(pause/2))
	}

	stop()
	renewal.Wait()

	limit, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()

	if err == nil {
		err = r.Complete(limit, d)
	} else {
		log.Warn("message requeued", keys.JobID, d.Message.JobID, keys.Error, err)
		err = r.Abandon(limit, d)
	}

	if err != nil && !isLockLost(err) {
		log.Warn("delivery not settled, it is delivered again", keys.JobID, d.Message.JobID, keys.Error, err)
	}
}

// keepLock renews the lock when half of its time has passed.
func keepLock(ctx context.Context, r Receiver, d Delivery) {
	until := d.LockedUntil
	for clock.Sleep(ctx, max(time.Until(until)/2, time.Second)) {
		limit, cancel := context.WithTimeout(ctx, settleLimit)
		next, err := r.Renew(limit, d)

		cancel()

		if isLockLost(err) {
			return
		}

		if err == nil {
			until = next
		}
	}
}

func isLockLost(err error) bool { return errors.Is(err, ErrLockLost) }
