package repo_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/state"
)

// transportIDs returns the current transport IDs of the messages of the job.
func (h *manualJob) transportIDs() (ids []string) {
	h.t.Helper()

	rows, err := h.Pool().
		Query(h.t.Context(), `select message_id, kind, stage, gen, first, count, attempt, send from messages
		where job_id = $1 order by message_id`, h.id[:])
	if err != nil {
		h.t.Fatal(err)
	}

	ids, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		m := state.Message{JobID: h.id}
		err := row.Scan(&m.MessageID, &m.Kind, &m.Stage, &m.Gen, &m.First, &m.Count, &m.Attempt, &m.Send)

		return m.TransportID(), err
	})
	if err != nil {
		h.t.Fatal(err)
	}

	return ids
}

// TestResentMessageHasNewTransportID sends a message again for each possible
// reason. A transport with duplicate detection would drop a message whose ID it
// has seen before.
func TestResentMessageHasNewTransportID(t *testing.T) {
	t.Parallel()

	const (
		asSent = `update messages set sent_at = now() - interval '1 hour'`
		asDead = `update messages set sent_at = now(), dead_reason = 'MaxDeliveryCountExceeded'`
	)

	for name, again := range map[string]func(*testing.T, *manualJob) error{
		"SweepResends": func(t *testing.T, h *manualJob) error {
			t.Helper()
			h.exec(asSent)
			h.exec(`update stages set progressed_at = now() - interval '1 hour'`)
			_, _, err := h.Resend(t.Context(), time.Minute)

			return err
		},
		"SweepRedrives": func(t *testing.T, h *manualJob) error {
			t.Helper()
			h.exec(asDead)
			_, _, err := h.RedriveDeadLetters(t.Context())

			return err
		},
		"OperatorRedrives": func(t *testing.T, h *manualJob) error {
			t.Helper()
			h.exec(asDead)

			q := pgqueue.New(h.Pool(), pgqueue.Options{})
			defer q.Close()

			_, err := q.Redrive(t.Context(), state.QueueTasks, "", 10)

			return err
		},
		"WorkerStops": func(t *testing.T, h *manualJob) error {
			t.Helper()
			h.claim(h.a, state.KindTasks, 1)
			_, err := h.ReleaseWorker(t.Context(), h.a)

			return err
		},
		"WorkerForgets": func(t *testing.T, h *manualJob) error {
			t.Helper()
			h.claim(h.a, state.KindTasks, 1)
			_, _, err := h.ReleaseForgotten(t.Context(), h.a, nil, 0)

			return err
		},
		"WorkerIsLost": func(t *testing.T, h *manualJob) error {
			t.Helper()
			h.claim(h.a, state.KindTasks, 1)
			h.exec(`update workers set lease_until = now() - interval '1 hour'`)

			orphans, err := h.Orphans(t.Context(), 10)
			if err != nil {
				return err
			}

			_, _, err = h.ReclaimExpired(t.Context(), h.a, orphans)

			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newManualJob(t, `{"n":1}`, fourInABundle)
			before := h.transportIDs()

			if err := again(t, h); err != nil {
				t.Fatal(err)
			}

			after := h.transportIDs()
			if len(before) != 1 || len(after) != 1 || after[0] == before[0] {
				t.Errorf("the message was sent as %q, and is sent again as %q", before, after)
			}

			h.count(
				1,
				`select count(*) from messages where sent_at is null and worker_id is null and dead_reason is null`,
			)
		})
	}
}

func (h *manualJob) exec(sql string) {
	h.t.Helper()

	if _, err := h.Pool().Exec(h.t.Context(), sql); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}
