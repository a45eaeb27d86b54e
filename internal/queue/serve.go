package queue

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Room waits until there is room for a message, and returns for how many of
// most there is; 0: ctx ended first.
type Room func(ctx context.Context, most int) int

// Serve hands a receiver's messages to handle, at most inFlight at once, until
// ctx ends; then it waits for those in hand. It asks only for what it can take,
// and what room says there is room for (nil: always). A delivery is completed
// when handle returns nil and abandoned otherwise, after a pause that grows
// with its deliveries: a process that can do nothing for a while would use all
// of them up in a moment. While handle runs, the lock is renewed.
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

		free := 1 + takeMore(slots)
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

		batch, err := r.Receive(ctx, free)
		for range free - len(batch) {
			<-slots
		}

		if err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrClosed) {
				return
			}

			log.Error("a queue could not be received from", keys.Error, err)
			wait(ctx, time.Second)

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

func takeMore(slots chan struct{}) (n int) {
	for {
		select {
		case slots <- struct{}{}:
			n++
		default:
			return n
		}
	}
}

// settleLimit bounds every settle call: a lock that cannot be settled ends by
// itself.
const settleLimit = 5 * time.Second

// Pauses before a message is given back.
const (
	firstPause = 10 * time.Millisecond
	longPause  = 5 * time.Second
)

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

	err := handle(ctx, d.Message)
	if err != nil {
		pause := min(firstPause<<min(d.Deliveries, 10), longPause)
		wait(serving, pause/2+rand.N(pause/2))
	}

	stop()
	renewal.Wait()

	limit, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()

	if err == nil {
		err = r.Complete(limit, d)
	} else {
		log.Warn("a message was given back", keys.JobID, d.Message.JobID, keys.Error, err)
		err = r.Abandon(limit, d)
	}

	if err != nil && !isLockLost(err) {
		log.Warn("a delivery was not settled; it comes again", keys.JobID, d.Message.JobID, keys.Error, err)
	}
}

// keepLock renews at half of the lock's time.
func keepLock(ctx context.Context, r Receiver, d Delivery) {
	until := d.LockedUntil
	for wait(ctx, max(time.Until(until)/2, time.Second)) {
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

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()

	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
