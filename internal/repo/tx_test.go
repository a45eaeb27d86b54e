package repo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestConcurrentCallersEndStageOnce ends a stage of 10,000 tasks with 64
// callers in four processes. Every message carries 10 tasks, and each message
// that existed at the start is delivered to two callers at the same time.
func TestConcurrentCallersEndStageOnce(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestConcurrentCallersEndStageOnce) {
		return
	}

	const n, callers = 10_000, 64

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"crowd": jobOf(
			define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 10, Window: 6_000},
			define.Stage[params]{Name: "next", Tasks: fanIn()},
		)},
		Handlers: handlersOf(echo), Processes: 4, InFlight: callers / 4,
	})
	id := e.Submit("crowd", `{"n":10000}`)
	twice := make(chan state.Message, callers)

	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for m := range twice {
				if err := e.Process((i+1)%4).Machine.Handle(t.Context(), m); err != nil {
					t.Error(err)
				}
			}
		})
	}

	rows, err := e.Pool().
		Query(t.Context(), `select message_id, first, count from messages where job_id = $1`, id[:])
	if err != nil {
		t.Fatal(err)
	}

	for rows.Next() {
		m := state.Message{
			V:     state.EnvelopeVersion,
			JobID: id,
			Queue: state.QueueTasks,
			Kind:  state.KindTasks,
			Gen:   1,
			Send:  1,
		}
		if err := rows.Scan(&m.MessageID, &m.First, &m.Count); err != nil {
			t.Fatal(err)
		}

		twice <- m
	}

	close(twice)
	wg.Wait()
	job := e.Wait(id).MustBe(t, state.JobCompleted)
	job.Stage(t, "many").MustHave(t, n, 0)
	job.Stage(t, "next").MustHave(t, 1, 0)
	mustCount(t, e, 1, `select count(*) from events where kind = 'stage_started' and stage = 1`)
	mustCount(t, e, n+1, `select count(*) from tasks where status = 'completed'`)
	mustCount(t, e, n+1, `select count(*) from status_log where record = 'task' and now = 'completed'`)
	mustCount(t, e, 0, `select count(*) from attempts`)
}

// deadlockCounter counts the statements that the server ended to break a
// deadlock. The server's own count includes those of other tests.
type deadlockCounter struct{ n atomic.Int64 }

func (*deadlockCounter) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData,
) context.Context {
	return ctx
}

func (d *deadlockCounter) TraceQueryEnd(_ context.Context, _ *pgx.Conn, end pgx.TraceQueryEndData) {
	d.count(end.Err)
}

func (*deadlockCounter) TraceBatchStart(
	ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData,
) context.Context {
	return ctx
}

func (*deadlockCounter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (d *deadlockCounter) TraceBatchEnd(_ context.Context, _ *pgx.Conn, end pgx.TraceBatchEndData) {
	d.count(end.Err)
}

func (d *deadlockCounter) count(err error) {
	const deadlockDetected = "40P01"

	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == deadlockDetected {
		d.n.Add(1)
	}
}

// TestLockOrder runs 50 jobs of many stages in 16 processes whose transactions
// contend: each holds rows of several jobs. Locks in the wrong order would
// cause a deadlock for every hundred tasks or so.
func TestLockOrder(t *testing.T) { //nolint:paralleltest // its modes run one after the other
	if enginetest.DispatchOf(t) == "" { // one mode at a time: each has some 60 connections
		t.Parallel()
	}

	if enginetest.InBothModes(t, TestLockOrder) {
		return
	}

	var deadlocks deadlockCounter

	stages := []define.Stage[params]{{Name: "s0", Tasks: dynamic(), Bundle: 3}}
	for i := 1; i < 5; i++ { // each stage but the last two waits for two
		s := define.Stage[params]{
			Name:      fmt.Sprintf("s%d", i),
			Tasks:     dynamic(),
			Bundle:    1,
			DependsOn: []string{fmt.Sprintf("s%d", i-1)},
		}
		if i > 1 {
			s.DependsOn = append(s.DependsOn, fmt.Sprintf("s%d", i-2))
		}

		stages = append(stages, s)
	}

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"a": jobOf(stages...),
			"b": tolerant(stages...),
		},
		Handlers:  handlersOf(echo),
		Processes: 16,
		InFlight:  8,
		Conns:     3,
		Connect:   func(c *pgx.ConnConfig) { c.Tracer = &deadlocks },
	})

	begin := time.Now()

	const tasks = 50 * 5 * 20

	ids := submitMany(t, e, 25, 20, "a", "b")
	for _, id := range ids {
		e.Wait(id).MustBe(t, state.JobCompleted)
	}

	took := time.Since(begin)

	mustCount(t, e, 50*5, `select count(*) from events where kind = 'stage_started'`)
	mustCount(t, e, tasks, `select count(*) from tasks where status = 'completed'`)

	broken := deadlocks.n.Load()
	if broken > 4 { // each costs a second
		t.Errorf("the server broke %d deadlocks in %s, want at most 4", broken, took)
	}

	t.Logf("%d tasks in %s, %d deadlocks", tasks, took, broken)
}
