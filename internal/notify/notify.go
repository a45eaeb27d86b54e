package notify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
	"coremachine/internal/webhook"
)

// Limits of delivery.
const (
	GiveUpAfter = 24 * time.Hour  // since the job ended
	concurrent  = 8               // requests of one process
	lock        = time.Minute     // a try takes at most webhook.Timeout
	interval    = 5 * time.Second // between looks of a process
)

// retries doubles the wait after each try, from 5 s to 15 min, and adds up to a
// quarter of it.
var retries = state.Backoff{
	Base: 5 * time.Second * 5 / 4, Factor: 2, Cap: 15 * time.Minute * 5 / 4, Jitter: 0.2,
}

// Store records notifications. internal/repo is it.
type Store interface {
	ClaimNotifications(ctx context.Context, most int, lock time.Duration) ([]state.Notification, error)
	EndNotification(ctx context.Context, n state.Notification, host, problem string) (landed bool, err error)
	DelayNotification(
		ctx context.Context,
		n state.Notification,
		delay time.Duration,
		problem string,
	) (landed bool, err error)
}

// Sender sends one event. webhook.Sender is it.
type Sender interface {
	Send(ctx context.Context, callback string, event webhook.Event) error
}

// Notifier sends the notifications that are due. Make one with New.
type Notifier struct {
	store  Store
	sender Sender
	log    *slog.Logger
	wake   chan struct{}
}

// New makes a Notifier that does nothing before Run.
func New(store Store, sender Sender, log *slog.Logger) *Notifier {
	return &Notifier{store: store, sender: sender, log: log, wake: make(chan struct{}, 1)}
}

// Wake makes the Notifier look now: a job has ended. It does not block.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default: // it looks already
	}
}

// Run sends what is due until ctx ends. A try that ctx cuts off is repeated by
// another process.
func (n *Notifier) Run(ctx context.Context) {
	look := time.NewTicker(interval)
	defer look.Stop()

	for ctx.Err() == nil {
		if n.sendDue(ctx) == concurrent {
			continue // there may be more
		}

		select {
		case <-ctx.Done():
		case <-look.C:
		case <-n.wake:
		}
	}
}

// sendDue sends one batch and returns how many notifications it had.
func (n *Notifier) sendDue(ctx context.Context) int {
	due, err := n.store.ClaimNotifications(ctx, concurrent, lock)
	if err != nil {
		if ctx.Err() == nil {
			n.log.Debug("looking for notifications failed", keys.Error, err)
		}

		return 0
	}

	var sends sync.WaitGroup

	for _, notification := range due {
		sends.Go(func() { n.send(ctx, notification) })
	}

	sends.Wait()

	return len(due)
}

// send makes one try and records how it went.
func (n *Notifier) send(ctx context.Context, due state.Notification) {
	event := webhook.NewEvent(due.EventID(), webhook.TypeJobEnded, due.JobID.String(), due.EndedAt, due.Data)
	err := n.sender.Send(ctx, due.CallbackURL, event)

	if err != nil && ctx.Err() != nil {
		return // the lock ends, and another process tries
	}

	host := state.HostOf(due.CallbackURL)

	switch {
	case err == nil:
		_, err = n.store.EndNotification(ctx, due, host, "")
	case errors.Is(err, webhook.ErrGone) || due.Age >= GiveUpAfter:
		n.log.Warn("a notification failed permanently", keys.JobID, due.JobID, keys.Error, err)
		_, err = n.store.EndNotification(ctx, due, host, state.CleanText(err.Error()))
	default:
		delay := retries.Delay(due.Tries, rand.Float64())
		_, err = n.store.DelayNotification(ctx, due, delay, state.CleanText(err.Error()))
	}

	if err != nil && ctx.Err() == nil {
		n.log.Warn("recording a notification failed; it is sent again", keys.JobID, due.JobID, keys.Error, err)
	}
}
