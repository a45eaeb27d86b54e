package repo_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/pgtest"
	"coremachine/internal/pgtest/rows"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// TestUnreceived names queues in which messages wait while no process receives.
func TestUnreceived(t *testing.T) {
	t.Parallel()

	const after = 2 * time.Minute
	insert := "insert into messages (job_id, queue, kind, due_at, sent_at) values ($1, $2, 2, now() - $3::interval, now() - $4::interval)"
	receives := "insert into receivers values ($1, now() - $2::interval)"

	for name, c := range map[string]struct {
		arrange func(t *testing.T, pool *pgxpool.Pool, id state.JobID)
		want    []state.Queue
	}{
		"NothingWaits": {func(*testing.T, *pgxpool.Pool, state.JobID) {}, nil},
		"WaitsAndWasNeverReceived": {func(t *testing.T, pool *pgxpool.Pool, id state.JobID) {
			exec(t, pool, insert, id[:], state.QueueTasks, 3*time.Minute, nil)
		}, []state.Queue{state.QueueTasks}},
		"WasSentAndNeverReceived": {func(t *testing.T, pool *pgxpool.Pool, id state.JobID) {
			exec(t, pool, insert, id[:], state.QueueJobs, 3*time.Minute, 3*time.Minute)
		}, []state.Queue{state.QueueJobs}},
		"HasNotWaitedLong": {func(t *testing.T, pool *pgxpool.Pool, id state.JobID) {
			exec(t, pool, insert, id[:], state.QueueTasks, time.Minute, nil)
			exec(t, pool, insert, id[:], state.QueueJobs, 3*time.Minute, time.Minute)
		}, nil},
		"IsReceivedFrom": {func(t *testing.T, pool *pgxpool.Pool, id state.JobID) {
			exec(t, pool, insert, id[:], state.QueueTasks, time.Hour, nil)
			exec(t, pool, receives, state.QueueTasks, time.Minute)
		}, nil},
		"WasReceivedFromLongAgo": {func(t *testing.T, pool *pgxpool.Pool, id state.JobID) {
			exec(t, pool, insert, id[:], state.QueueTasks, time.Hour, nil)
			exec(t, pool, receives, state.QueueTasks, 3*time.Minute)
			exec(t, pool, receives, state.QueueJobs, time.Second)
		}, []state.Queue{state.QueueTasks}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			pool := pgtest.Schema(t)
			id := rows.Insert(t, pool, rows.Job{})
			c.arrange(t, pool, id)

			got, err := repo.New(pool).Unreceived(t.Context(), after)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

// TestNoteReceivers writes a note once, and again when it is old.
func TestNoteReceivers(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	r := repo.New(pool)
	read := func() (at time.Time) {
		t.Helper()
		row := pool.QueryRow(t.Context(), "select received_at from receivers where queue = $1", state.QueueTasks)
		if err := row.Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	note := func() {
		t.Helper()
		queues := []state.Queue{state.QueueTasks, state.QueueJobs}
		if err := r.NoteReceivers(t.Context(), queues, time.Minute); err != nil {
			t.Fatal(err)
		}
	}

	note()
	first := read()
	note()
	if second := read(); !second.Equal(first) {
		t.Errorf("a young note was written again: %s, then %s", first, second)
	}

	exec(t, pool, "update receivers set received_at = now() - interval '2 minutes'")
	note()
	if third := read(); third.Before(first) {
		t.Errorf("an old note was left: %s", third)
	}
}

// TestSweepBeginDue has many processes begin the sweep of one interval.
func TestSweepBeginDue(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	r := repo.New(pool)
	const every = time.Hour // one boundary at most falls into the test
	const processes = 16

	begun := make(chan bool, processes)
	for range processes {
		go func() {
			_, ok, err := r.SweepBeginDue(t.Context(), every)
			if err != nil {
				t.Error(err)
			}
			begun <- ok
		}()
	}
	count := 0
	for range processes {
		if <-begun {
			count++
		}
	}
	if count != 1 && count != 2 {
		t.Errorf("%d of %d processes began the sweep, want one", count, processes)
	}

	exec(t, pool, "update sweeps set slot = slot - 1")
	if id, ok, err := r.SweepBeginDue(t.Context(), every); err != nil || !ok || id == 0 {
		t.Errorf("the sweep of the next interval: %d, %t, %v", id, ok, err)
	}
}
