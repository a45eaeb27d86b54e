package pgqueue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/database"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// notifyEvery debounces NOTIFY, which serialises commits: one in so long a
// queue, the first at once.
const notifyEvery = 5 * time.Millisecond

var (
	listenSQL = sqlText("listen")
	notifySQL = sqlText("notify")
)

// tell sends NOTIFY for a queue, never in a transaction that does anything
// else. One that fails is made up for by polling.
func (q *Queue) tell(name state.Queue) {
	for {
		select {
		case <-q.ctx.Done():
			return
		case <-q.notify[name-1]:
		}

		limit, cancel := context.WithTimeout(q.ctx, time.Second)
		_, _ = q.pool.Exec(limit, notifySQL, pgx.StrictNamedArgs{"queue": name, "teller": q.teller})

		cancel()
		sleep(q.ctx, notifyEvery)
	}
}

// listen wakes receivers on what other processes tell, over a connection of its
// own, which it opens again whenever it is lost. It logs that listening was cut
// off, and that it goes on, not each try between.
func (q *Queue) listen() {
	wait, away := 100*time.Millisecond, false

	for q.ctx.Err() == nil {
		begin := time.Now()

		err := q.listenOnce(func() {
			if away {
				q.log.Info("listening goes on")
			}

			away = false
		})
		if q.ctx.Err() != nil {
			return
		}

		if errors.Is(err, database.ErrNoListen) {
			q.log.Info("no listening behind a connection pooler; polling instead")
			return
		}

		if time.Since(begin) > 10*time.Second {
			wait = 100 * time.Millisecond
		}

		if !away {
			q.log.Warn("listening was cut off; polling goes on", keys.Error, err)
		}

		away = true

		sleep(q.ctx, wait/2+rand.N(wait/2))
		wait = min(2*wait, 10*time.Second)
	}
}

func (q *Queue) listenOnce(listening func()) error {
	return q.pool.Listen(q.ctx, listenSQL, func() {
		listening()

		for _, name := range state.Queues { // what was told while nobody listened
			q.wakeLocal(name)
		}
	}, func(payload string) {
		var (
			name   state.Queue
			teller string
		)
		if _, err := fmt.Sscan(payload, &name, &teller); err == nil && teller != q.teller {
			q.hear(name)
		}
	})
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()

	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
