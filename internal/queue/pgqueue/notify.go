package pgqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/clock"
	"coremachine/internal/database"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// notifyEvery is the minimum time between two NOTIFY of a queue. NOTIFY
// serializes commits.
const notifyEvery = 5 * time.Millisecond

var (
	listenSQL = sqlText("listen")
	notifySQL = sqlText("notify")
)

// notifyLoop sends NOTIFY for a queue, never in a transaction that does
// anything else. If one fails, receivers find the row by polling.
func (q *Queue) notifyLoop(name state.Queue) {
	for {
		select {
		case <-q.ctx.Done():
			return
		case <-q.notify[name-1]:
		}

		limit, cancel := context.WithTimeout(q.ctx, time.Second)
		_, _ = q.pool.Exec(limit, notifySQL, pgx.StrictNamedArgs{"queue": name, "sender": q.senderID})

		cancel()
		clock.Sleep(q.ctx, notifyEvery)
	}
}

// listen wakes receivers when another process notifies. It uses a dedicated
// connection and reconnects when that is lost. It logs the first failure and
// the recovery, not each attempt.
func (q *Queue) listen() {
	wait, disconnected := clock.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}, false

	for q.ctx.Err() == nil {
		begin := time.Now()

		err := q.listenOnce(func() {
			if disconnected {
				q.log.Info("listening for notifications again")
			}

			disconnected = false
		})
		if q.ctx.Err() != nil {
			return
		}

		if errors.Is(err, database.ErrNoListen) {
			q.log.Info("polling only: a connection pooler does not pass on notifications")
			return
		}

		if time.Since(begin) > 10*time.Second {
			wait.Reset()
		}

		if !disconnected {
			q.log.Warn("listening for notifications failed, polling continues", keys.Error, err)
		}

		disconnected = true

		wait.Sleep(q.ctx)
	}
}

func (q *Queue) listenOnce(listening func()) error {
	return q.pool.Listen(q.ctx, listenSQL, func() {
		listening()

		// Other processes may have notified while this one was disconnected.
		for _, name := range state.Queues {
			q.wakeLocal(name)
		}
	}, func(payload string) {
		var (
			name     state.Queue
			senderID string
		)
		if _, err := fmt.Sscan(payload, &name, &senderID); err == nil && senderID != q.senderID {
			q.onNotify(name)
		}
	})
}
