package repo_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
)

// TestUnreceived names queues in which messages wait while no process receives.
func TestUnreceived(t *testing.T) {
	t.Parallel()

	const after = 2 * time.Minute

	insert := `insert into messages (job_id, queue, kind, due_at, sent_at)
		values ($1, $2, 2, now() - $3::interval, now() - $4::interval)`
	receives := "insert into receivers (queue, received_at) values ($1, now() - $2::interval)"

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

		row := pool.QueryRow(
			t.Context(),
			"select received_at from receivers where queue = $1",
			state.QueueTasks,
		)
		if err := row.Scan(&at); err != nil {
			t.Fatal(err)
		}

		return at
	}
	note := func(idle bool) {
		t.Helper()

		queues := []state.Queue{state.QueueTasks, state.QueueJobs}
		if err := r.NoteReceivers(t.Context(), queues, []bool{idle, false}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}

	note(false)

	first := read()

	note(false)

	if second := read(); !second.Equal(first) {
		t.Errorf("a young note was written again: %s, then %s", first, second)
	}

	exec(t, pool, "update receivers set received_at = now() - interval '2 minutes'")
	note(false)

	if third := read(); third.Before(first) {
		t.Errorf("an old note was left: %s", third)
	}

	note(true)

	var idle, other bool

	row := pool.QueryRow(
		t.Context(),
		`select max(idle_at) filter (where queue = $1) > '-infinity',
			max(idle_at) filter (where queue = $2) > '-infinity'
		from receivers`,
		state.QueueTasks,
		state.QueueJobs,
	)
	if err := row.Scan(&idle, &other); err != nil || !idle || other {
		t.Errorf("idle is noted for the queue %t, for another %t, %v", idle, other, err)
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

// TestResend_WhereAReceiverWaitedInVain sends again what a broker has lost, and
// leaves what may still be on its way.
func TestResend_WhereAReceiverWaitedInVain(t *testing.T) {
	t.Parallel()

	const idle = 30 * time.Second
	for name, c := range map[string]struct {
		sent, idle time.Duration // ago
		send       int
		want       int
	}{
		"WaitedLongAfterTheSend":      {sent: 2 * time.Minute, idle: time.Second, send: 1, want: 1},
		"SentOftenAndAWhileAgo":       {sent: 5 * time.Minute, idle: time.Second, send: 4, want: 1},
		"SentOftenAndNotLongAgo":      {sent: 2 * time.Minute, idle: time.Second, send: 4, want: 0},
		"WaitedBeforeTheSend":         {sent: 2 * time.Minute, idle: 3 * time.Minute, send: 1, want: 0},
		"WaitedSoonAfterTheSend":      {sent: 2 * time.Minute, idle: 100 * time.Second, send: 1, want: 0},
		"SentAMomentAgo":              {sent: 10 * time.Second, idle: time.Second, send: 1, want: 0},
		"NoReceiverAndStandsStill":    {sent: 6 * time.Minute, idle: time.Hour, send: 1, want: 1},
		"NoReceiverAndSentMoreRecent": {sent: 4 * time.Minute, idle: time.Hour, send: 1, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			pool := pgtest.Schema(t)
			id := rows.Insert(t, pool, rows.Job{})
			exec(
				t,
				pool,
				"insert into messages (job_id, queue, kind, send, sent_at) values ($1, $2, 4, $3, now() - "+
					"$4::interval)",
				id[:],
				state.QueueJobs,
				c.send,
				c.sent,
			)
			exec(
				t,
				pool,
				"insert into receivers (queue, idle_at) values ($1, now() - $2::interval)",
				state.QueueJobs,
				c.idle,
			)

			if got, _, err := repo.New(pool).Resend(t.Context(), idle); err != nil || got != c.want {
				t.Errorf("sent again: %d, %v, want %d", got, err, c.want)
			}
		})
	}
}
