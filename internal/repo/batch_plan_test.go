package repo_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

// TestAMaximumBatchReadsItsOwnRows runs statements over the largest batch that
// they are given, next to as much of other jobs, on tables that were never
// analysed. It judges each plan as it ran: no step compares each row of a list
// with each.
func TestAMaximumBatchReadsItsOwnRows(t *testing.T) { //nolint:tparallel // its cases share a connection and take turns
	t.Parallel()

	seen, r, pool := watchPlans(t)

	const messages, bundle = 1000, 5

	heldJob := func(seed string) (state.JobID, uuid.UUID, []state.ClaimedMessage) {
		return heldMessages(t, pool, seed, messages, bundle)
	}
	expire := func(worker uuid.UUID) {
		exec(t, pool, `update workers set lease_until = now() where worker_id = '`+worker.String()+`'`)
	}

	heldJob("bystander")

	t.Run("Lost", func(t *testing.T) { //nolint:paralleltest // see above
		_, worker, held := heldJob("lost")
		expire(worker)

		orphans, err := r.Orphans(t.Context(), 5000)
		if err != nil || len(orphans) != messages {
			t.Fatalf("%d orphans were listed, want %d; %v", len(orphans), messages, err)
		}

		n, _, err := r.ReclaimExpired(t.Context(), worker, orphans)
		if err != nil || n != messages*bundle {
			t.Errorf("%d tasks were requeued, want %d; %v", n, messages*bundle, err)
		}

		n, _, err = r.Rejoin(t.Context(), worker, held)
		if err != nil || n != messages*bundle {
			t.Errorf("%d losses were taken back, want %d; %v", n, messages*bundle, err)
		}
	})
	t.Run("LostAgain", func(t *testing.T) { //nolint:paralleltest // see above ; its tasks have rows
		id, worker, _ := heldJob("again")

		exec(t, pool, `insert into tasks (job_id, stage, gen, index, losses, attempt)
			select job_id, 0, 1, i, 1, 0 from jobs, generate_series(0, 4999) i where job_type = 'again'`)
		expire(worker)

		orphans, err := r.Orphans(t.Context(), 5000)
		if err != nil {
			t.Fatal(err)
		}

		if n, _, err := r.ReclaimExpired(t.Context(), worker, orphans); err != nil || n != messages*bundle {
			t.Errorf("%d tasks of %s were requeued, want %d; %v", n, id, messages*bundle, err)
		}
	})
	t.Run("ClaimAndComplete", func(t *testing.T) { //nolint:paralleltest // see above
		_, worker, held := heldJob("complete")

		msgs := make([]state.Message, 500)
		for i := range msgs {
			msgs[i] = state.Message{JobID: held[i].JobID, MessageID: held[i].MessageID}
		}

		claimed, err := r.Claim(t.Context(), worker, msgs) // a repeat, which costs the same
		if err != nil || len(claimed) != len(msgs) {
			t.Fatalf("%d messages were claimed, want %d; %v", len(claimed), len(msgs), err)
		}

		ends := make([]state.TaskEnd, 500)
		for i := range ends {
			h := &claimed[i]
			ends[i] = state.TaskEnd{
				JobID: h.JobID, MessageID: h.MessageID, Attempt: h.Attempt, Gen: 1, Index: h.First,
				Status: state.TaskCompleted, Result: []byte(`{}`), StartedAt: h.ClaimedAt,
			}
		}

		effects, err := r.Complete(t.Context(), state.LocalCapacity{Worker: worker}, ends)
		if err != nil || effects.Landed != len(ends) {
			t.Errorf("%d ends landed, want %d; %v", effects.Landed, len(ends), err)
		}
	})
	t.Run("Release", func(t *testing.T) { //nolint:paralleltest // see above
		_, worker, _ := heldJob("release")
		if _, err := r.ReleaseWorker(t.Context(), worker); err != nil {
			t.Error(err)
		}
	})
	t.Run("Resend", func(t *testing.T) { //nolint:paralleltest // see above
		_, worker, _ := heldJob("resend")
		exec(
			t,
			pool,
			`update messages set worker_id = null, claimed_at = null, sent_at = now() - interval '1 hour'
			where worker_id = '`+worker.String()+`'`,
		)
		exec(t, pool, `update stages set progressed_at = '-infinity'`)

		if n, _, err := r.Resend(t.Context(), time.Minute); err != nil || n != messages {
			t.Errorf("%d messages were sent again, want %d; %v", n, messages, err)
		}
	})
	seen.mu.Lock()
	defer seen.mu.Unlock()

	if seen.err != nil || seen.count < 10 {
		t.Errorf("saw %d plans, %v", seen.count, seen.err)
	}

	for text, problem := range seen.worst {
		t.Errorf("%.100s…\n%s", text, problem)
	}
}

// heldMessages inserts a job whose tasks a living worker of its own holds.
func heldMessages(
	t *testing.T, pool *pgxpool.Pool, seed string, messages, bundle int,
) (id state.JobID, worker uuid.UUID, held []state.ClaimedMessage) {
	t.Helper()

	n := messages * bundle
	worker = uuid.New()

	id = rows.Insert(t, pool, rows.Job{
		Seed:   seed,
		Type:   seed,
		Status: state.JobRunning,
		Stages: []rows.Stage{{Name: "many", Planned: n, Dispatched: n}},
	})
	if err := repo.New(pool).OpenLease(t.Context(), worker, time.Hour, "test", "test", 1); err != nil {
		t.Fatal(err)
	}

	found, err := pool.Query(t.Context(), `
insert into messages (job_id, queue, kind, first, count, tasks_left, attempt, worker_id, claimed_at)
select $1, 2, 2, i * $3, $3, $3, 1, $4, now() from generate_series(0, $2::int - 1) i
returning message_id, first`, id[:], messages, bundle, worker)
	if err != nil {
		t.Fatal(err)
	}

	held, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (state.ClaimedMessage, error) {
		h := state.ClaimedMessage{JobID: id, Kind: state.KindTasks, Gen: 1, Count: bundle, Attempt: 1}
		return h, row.Scan(&h.MessageID, &h.First)
	})
	if err != nil {
		t.Fatal(err)
	}

	return id, worker, held
}

// watchPlans opens a repo that records the plan of each statement as it ran, on
// tables that were never analysed.
func watchPlans(t *testing.T) (*plans, *repo.Repo, *pgxpool.Pool) {
	t.Helper()

	seen := &plans{worst: map[string]string{}}
	address, pool := neverAnalysed(t)

	r, err := repo.Open(
		t.Context(),
		repo.Config{
			URL:      address,
			MaxConns: 1,
			BeforeConnect: func(_ context.Context, c *pgx.ConnConfig) error {
				seen.on(c)
				return nil
			},
		},
	)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)

	return seen, r, pool
}
