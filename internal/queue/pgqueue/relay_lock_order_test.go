package pgqueue_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
)

// senderFunc is a transport that calls a function for each batch.
type senderFunc func() error

func (s senderFunc) Send(context.Context, state.Queue, []state.Message) error { return s() }

// TestRelayLocksInKeyOrder relays two rows. The second one by key is due first.
// While the relay sends, a claim locks the first row by key. The relay must
// wait for that lock before it locks the other row.
func TestRelayLocksInKeyOrder(t *testing.T) {
	t.Parallel()

	for name, answer := range map[string]error{
		"Sent":    nil,
		"NotSent": errors.New("the transport is unavailable"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Schema(t)
			q := open(t, pool, pgqueue.Options{MaxDeliveries: relayOptions.MaxDeliveries, Lock: time.Hour})
			rows.InsertMessage(t, pool, jobID, rows.Message{First: 0, Due: -time.Second})

			rows.InsertMessage(t, pool, jobID, rows.Message{First: 1, Due: -time.Minute})

			claim, err := pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = claim.Rollback(context.WithoutCancel(t.Context())) }() // no effect after Commit

			lock := func(first int) {
				if _, err := claim.Exec(
					t.Context(),
					`select from messages where first = $1 for no key update nowait`,
					first,
				); err != nil {
					t.Errorf("lock the row of task %d: %v", first, err)
				}
			}

			var once sync.Once

			locked := make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())

			var running sync.WaitGroup

			running.Go(func() {
				q.Relay(ctx, state.QueueTasks, senderFunc(func() error {
					once.Do(func() {
						lock(0)
						close(locked)
					})

					return answer
				}))
			})
			defer running.Wait()
			defer cancel()

			<-locked
			awaitLockWait(t, claim)
			lock(1)
		})
	}
}

// awaitLockWait returns when a statement waits for a row that tx has locked.
func awaitLockWait(t *testing.T, tx pgx.Tx) {
	t.Helper()

	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()

	const waiting = `select count(*) from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))`

	for limit := time.Now().Add(pgtest.Patience(t, time.Minute)); time.Now().Before(limit); <-tick.C {
		var n int
		if err := tx.QueryRow(t.Context(), waiting).Scan(&n); err != nil {
			t.Fatal(err)
		}

		if n > 0 {
			return
		}
	}

	t.Fatal("no statement waited for the locked row")
}
