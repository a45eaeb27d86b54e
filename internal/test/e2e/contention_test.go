package e2e_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestConcurrentCallersEndStageOnce ends a stage of 10,000 tasks from 64 callers over
// four processes' pools, twice: with a message for every 10 tasks, and from
// messages that each are delivered to two callers at once.
func TestConcurrentCallersEndStageOnce(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestConcurrentCallersEndStageOnce) {
		return
	}

	const n, callers = 10_000, 64

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"crowd": jobOf(
			define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 10, Window: 6_000},
			define.Stage[params]{Name: "next", Tasks: gather()},
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

// TestLockOrder runs 50 jobs of many stages through 16 processes whose
// transactions all meet: a transaction of one holds rows of several jobs. Locks
// taken out of order would deadlock by the hundred and bring the rate down with
// them.
func TestLockOrder(t *testing.T) { //nolint:paralleltest // its modes take turns
	if enginetest.DispatchOf(t) == "" { // the modes take turns: each has some 60 connections
		t.Parallel()
	}

	if enginetest.InBothModes(t, TestLockOrder) {
		return
	}

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
	})

	const deadlocks = `select deadlocks from pg_stat_database where datname = current_database()`

	before := query(t, e, deadlocks)
	begin := time.Now()

	ids := submitMany(t, e, 25, 20, "a", "b")
	for _, id := range ids {
		e.Wait(id).MustBe(t, state.JobCompleted)
	}

	took := time.Since(begin)

	mustCount(t, e, 50*5, `select count(*) from events where kind = 'stage_started'`)
	mustCount(t, e, 50*5*20, `select count(*) from tasks where status = 'completed'`)

	broken := query(t, e, deadlocks) - before
	if broken > 10 { // each costs a second, so a wrong order would also be slow
		t.Errorf("the server broke %d deadlocks in %s, want a handful at most", broken, took)
	}

	t.Logf("%d tasks in %s, %d deadlocks", 50*5*20, took, broken)
}
