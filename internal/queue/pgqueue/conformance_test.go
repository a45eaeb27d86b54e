package pgqueue_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/test/queuetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Exercise(t, func(t *testing.T, s queuetest.Settings) queuetest.Bus {
		t.Helper()
		pool := pgtest.Schema(t)
		// Only a notification or a due time wakes a receiver.
		q := open(t, pool, pgqueue.Options{Lock: s.Lock, MaxDeliveries: s.MaxDeliveries, Poll: time.Hour})

		return queuetest.Bus{
			Settings: s, Dead: q, LostIsDone: true,
			Receiver: func(*testing.T) queue.Receiver { return q.Receiver(queuetest.Queue) },
			Put: func(t *testing.T, msgs []state.Message) {
				t.Helper()

				for _, m := range msgs {
					put(t, pool, m, -time.Second)
				}

				q.Wake(queuetest.Queue)
			},
			PutLater: func(t *testing.T, m state.Message, wait time.Duration) {
				t.Helper()
				put(t, pool, m, wait)
				q.Wake(queuetest.Queue)
			},
		}
	})
}

func open(t *testing.T, pool *pgxpool.Pool, o pgqueue.Options) *pgqueue.Queue {
	t.Helper()

	q := pgqueue.New(pool, o)
	t.Cleanup(q.Close)

	return q
}

// put inserts the row of a message.
func put(t *testing.T, pool *pgxpool.Pool, m state.Message, due time.Duration) {
	t.Helper()
	rows.InsertMessage(
		t,
		pool,
		m.JobID,
		rows.Message{Queue: m.Queue, Kind: m.Kind, First: m.First, Count: m.Count, Due: due},
	)
}
