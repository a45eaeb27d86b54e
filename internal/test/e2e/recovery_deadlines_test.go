package e2e_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// The limits that docs/reliability.md promises for the leases of production.
const (
	limitOneAlive  = 20 * time.Second
	limitNoneAlive = 80 * time.Second
	limitSuspended = 15 * time.Second
)

// bench is a schema with a job of the child worker, and an engine that submits
// and sweeps there without a lease of its own.
type bench struct {
	t    *testing.T
	url  string
	pool *pgxpool.Pool
	m    *coremachine.Machine
	id   state.JobID
}

func benchOf(t *testing.T, body string) *bench {
	t.Helper()
	b := &bench{t: t, url: pgtest.URL(t)}

	r, err := repo.Open(t.Context(), repo.Config{URL: b.url})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)

	b.pool = r.Pool()
	if err := enginetest.LogStatusChanges(t.Context(), b.pool); err != nil {
		t.Fatal(err)
	}

	b.m = coremachine.New(coremachine.Config{Jobs: pidJob(), Handlers: handlersOf(pid), Store: r})

	res, err := b.m.Submit(t.Context(), coremachine.SubmitRequest{Type: "pids", Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}

	b.id = res.JobID

	return b
}

func (b *bench) count(sql string) (n int) {
	b.t.Helper()

	if err := b.pool.QueryRow(b.t.Context(), sql).Scan(&n); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}

	return n
}

// TestOrphanedWorkIsRequeuedInTime kills a worker that has claimed tasks, and
// measures the time until its work can be claimed again.
func TestOrphanedWorkIsRequeuedInTime(t *testing.T) {
	t.Parallel()

	const held = `select count(*) from messages where worker_id is not null`

	lose := func(t *testing.T) (*bench, func()) {
		t.Helper()
		b := benchOf(t, `{"n":4}`)
		child, _ := worker(t, b.url, childLease+"=real", childHolds+"=1")
		until(t, "the worker has claimed all tasks", func() bool { return b.count(held) == 4 })

		return b, func() {
			if err := child.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(b *bench, begin time.Time, limit time.Duration) {
		took := time.Since(begin)
		if took > limit {
			b.t.Errorf("its work was requeued after %s, want at most %s", took, limit)
		}

		b.t.Logf("its work was requeued after %s; the limit is %s", took.Round(10*time.Millisecond), limit)

		if n := b.count(`select count(*) from attempts where outcome = 'lost' and not final`); n != 4 {
			b.t.Errorf("%d attempts are recorded as lost, want 4", n)
		}
	}

	t.Run("AnotherProcessIsAlive", func(t *testing.T) {
		t.Parallel()
		b, kill := lose(t)
		e := enginetest.Start(
			t,
			enginetest.Options{Jobs: pidJob(), Handlers: handlersOf(pid), URL: b.url, Dispatch: modeOf(t)},
		)
		until(t, "the other process is ready", func() bool { return e.Process(0).Machine.Ready() })
		kill()

		begin := time.Now()

		waitFor(
			t,
			time.Minute,
			"its work is requeued",
			func() bool { return b.count(`select count(*) from attempts`) == 4 },
		)
		check(b, begin, limitOneAlive)
		e.Wait(b.id).MustBe(t, state.JobCompleted)
		e.MustSatisfyInvariants()
	})

	// Only the timer of the host starts sweeps, once a minute. The sweep just
	// before the lease expires finds nothing.
	t.Run("NoProcessIsAlive", func(t *testing.T) {
		t.Parallel()

		timer, err := os.ReadFile("../../../function.json/sweep.json")
		if err != nil || !strings.Contains(string(timer), `"schedule": "0 * * * * *"`) {
			t.Fatalf("the schedule of the sweep is not once a minute: %s, %v", timer, err)
		}

		b, kill := lose(t)
		kill()

		begin := time.Now()

		waitFor(t, time.Minute, "its lease is about to expire", func() bool {
			return b.count(
				`select count(*) from workers where lease_until < now() + interval '1 second'`,
			) == 1
		})

		next := time.NewTimer(time.Minute)
		defer next.Stop()

		if rep, err := b.m.Sweep(t.Context()); err != nil || rep.Lost != 0 {
			t.Errorf("a sweep before the lease expired requeued %d, %v", rep.Lost, err)
		}

		<-next.C

		if rep, err := b.m.Sweep(t.Context()); err != nil || rep.Lost != 4 {
			t.Errorf("the next sweep requeued %d, want 4; %v", rep.Lost, err)
		}

		if n := b.count(held); n != 0 {
			t.Errorf("%d messages are still claimed", n)
		}

		check(b, begin, limitNoneAlive)
	})
}

// TestOthersContinuePastSuspendedProcess suspends a process before the COMMIT
// of a completion, while it holds locks that all other processes need. It
// resumes the process after the others have done its work.
func TestOthersContinuePastSuspendedProcess(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestOthersContinuePastSuspendedProcess) {
		return
	}

	b := benchOf(t, `{"n":1000}`)
	slow := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
		<-time.After(20 * time.Millisecond)
		return pid(ctx, task, in)
	}
	child, lines := worker(t, b.url, childLease+"=real", childPoint+"=commit")
	e := enginetest.Start(
		t,
		enginetest.Options{Jobs: pidJob(), Handlers: handlersOf(slow), URL: b.url, InFlight: 4},
	)
	await(t, lines, "stopping")

	begin := time.Now()

	const completed = `select completed from stages`

	before := b.count(completed)

	waitFor(t, time.Minute, "other processes complete tasks again", func() bool { return b.count(completed) > before })

	took := time.Since(begin)
	if took > limitSuspended {
		t.Errorf("other processes completed tasks again after %s, want at most %s", took, limitSuspended)
	}

	if took < time.Second {
		t.Errorf("other processes completed tasks after %s: the suspended process did not block them", took)
	}

	t.Logf("other processes completed tasks again after %s; the limit is %s",
		took.Round(10*time.Millisecond), limitSuspended)
	e.Wait(b.id).MustBe(t, state.JobCompleted)

	if err := child.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}

	await(t, lines, "resumed")

	landed := 0

	err := b.pool.QueryRow(t.Context(), `
		select count(*) from tasks where convert_from(result, 'UTF8')::json->>'value' <> $1::text`,
		strconv.Itoa(os.Getpid())).Scan(&landed)
	if err != nil || landed != 0 {
		t.Errorf("%d results are not of this process; %v", landed, err)
	}

	if n := b.count(`select count(*) from attempts where outcome = 'lost'`); n == 0 || n > 4 {
		t.Errorf("%d attempts were lost with the process, want 1 to 4", n)
	}

	if n := b.count(`select count(*) from status_log where record = 'task' and now = 'completed'`); n != 1000 {
		t.Errorf("tasks completed %d times, want 1000", n)
	}

	e.MustSatisfyInvariants()
}
