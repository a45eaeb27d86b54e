package coremachine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// turnstile blocks handlers until the test admits them, one at a time.
type turnstile struct {
	admit chan struct{} // each element lets one handler return
}

func (g turnstile) pass(ctx context.Context, _ handlers.Task, in workIn) (workOut, error) {
	select {
	case <-g.admit:
		return workOut(in), nil
	case <-ctx.Done():
		return workOut{}, context.Cause(ctx)
	}
}

// TestOverloadUsesUpNoAttempts has tasks block in a process with two slots,
// many times longer than a bundle waits for a slot, while other messages are
// always due.
func TestOverloadUsesUpNoAttempts(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestOverloadUsesUpNoAttempts) {
		return
	}

	for _, bundle := range []int{1, 4} {
		t.Run(fmt.Sprint("bundle ", bundle), func(t *testing.T) {
			t.Parallel()
			overload(t, bundle)
		})
	}
}

func overload(t *testing.T, bundle int) {
	t.Helper()

	const n, slots = 40, 2

	gate := turnstile{make(chan struct{})}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"slow": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: bundle}),
		},
		Handlers: handlersOf(gate.pass),
		Config:   func(c *coremachine.Config) { c.MaxRunning, c.Budget = slots, time.Millisecond },
	})
	m := e.Process(0).Machine
	id := e.Submit("slow", fmt.Sprintf(`{"n":%d}`, n))

	const ranNothing = `
		select count(*) from messages
		where worker_id is null and (attempt > 0 or send > 1 or dead_reason is not null)`

	for left := n; left > 0; left-- {
		until(t, "the process is busy", func() bool { return m.Running() == min(slots, left) })

		if left%8 == 0 {
			<-time.After(300 * time.Millisecond) // messages without a free slot come and are deferred
		}

		mustCount(t, e, 0, ranNothing)

		gate.admit <- struct{}{}

		until(t, "the attempt has ended", func() bool {
			return query(t, e, `select completed from stages where job_id = $1`, id[:]) == n-left+1
		})
	}

	e.Wait(id).MustBe(t, state.JobCompleted)
	mustCount(t, e, n, `select count(*) from tasks where attempt = 1 and failures = 0 and losses = 0`)
	mustCount(t, e, 0, `select count(*) from events where kind in ('redriven', 'resent', 'repaired')`)
}

// TestCancelDoesNotNeedSlot cancels a job whose tasks occupy every slot, and a
// job whose tasks wait because the process is full of another job's tasks.
func TestCancelDoesNotNeedSlot(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestCancelDoesNotNeedSlot) {
		return
	}

	gate := turnstile{make(chan struct{})}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"slow": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 1}),
		},
		Handlers: handlersOf(gate.pass),
		Config:   func(c *coremachine.Config) { c.MaxRunning = 2 },
	})
	m := e.Process(0).Machine
	running := e.Submit("slow", `{"n":2}`)

	until(t, "the process is full", func() bool { return m.Running() == 2 })

	waiting := e.Submit("slow", `{"n":10}`)

	if err := m.Cancel(t.Context(), waiting, "test"); err != nil {
		t.Fatal(err)
	}

	e.Wait(waiting).MustBe(t, state.JobCancelled)

	if err := m.Cancel(t.Context(), running, "test"); err != nil {
		t.Fatal(err)
	}

	e.Wait(running).MustBe(t, state.JobCancelled)
}

// TestSuspectTaskDoesNotBlockOthers has tasks that lost two workers run one at
// a time, for as long as the test wants, while short jobs run in the same
// process.
func TestSuspectTaskDoesNotBlockOthers(t *testing.T) {
	t.Parallel()

	const suspects = 5

	var running, peak atomic.Int64

	gate, blocker := turnstile{make(chan struct{})}, turnstile{make(chan struct{})}
	fn := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
		switch task.JobType {
		case "quick":
			return workOut(in), nil
		case "busy":
			return blocker.pass(ctx, task, in)
		}

		n := running.Add(1)
		defer running.Add(-1)

		if n > peak.Load() {
			peak.Store(n)
		}

		return gate.pass(ctx, task, in)
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"suspects": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 1}),
			"busy":     jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 2}),
			"quick":    jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 8}),
		},
		Handlers: handlersOf(fn), Config: func(c *coremachine.Config) {
			c.MaxRunning, c.SuspectWait = 4, 10*time.Millisecond
		},
		Dispatch: enginetest.Queue, // requeued work comes through the queue
	})
	exec(
		t,
		e,
		`create function add_losses() returns trigger language plpgsql as $$ begin new.losses = 2; return new; end $$`,
	)
	exec(t, e, `create trigger add_losses before insert on messages for each row
		when (new.kind = 2 and new.count = 1) execute function add_losses()`)
	busy := e.Submit("busy", `{"n":2}`) // keeps the process busy until the end

	until(t, "others run", func() bool { return e.Process(0).Machine.Running() == 2 })

	suspected := e.Submit("suspects", fmt.Sprintf(`{"n":%d}`, suspects))

	until(t, "a suspect runs", func() bool { return running.Load() == 1 })

	for seed := range 20 {
		e.Run("quick", fmt.Sprintf(`{"n":8,"seed":%d}`, seed)).MustBe(t, state.JobCompleted)
	}

	for range suspects {
		exec(t, e, `update messages set due_at = now() where worker_id is null`) // the others were deferred

		gate.admit <- struct{}{}
	}

	e.Wait(suspected).MustBe(t, state.JobCompleted)

	blocker.admit <- struct{}{}

	blocker.admit <- struct{}{}

	e.Wait(busy).MustBe(t, state.JobCompleted)

	if got := peak.Load(); got != 1 {
		t.Errorf("%d suspects ran concurrently, want 1", got)
	}
}

// onlyMessage returns the message of a job with one task, as a transport delivers
// a send of it.
func onlyMessage(t *testing.T, e *enginetest.Engine, id state.JobID, send int) state.Message {
	t.Helper()

	return state.Message{
		V:         state.EnvelopeVersion,
		JobID:     id,
		MessageID: int64(query(t, e, `select message_id from messages where job_id = $1`, id[:])),
		Queue:     state.QueueTasks,
		Kind:      state.KindTasks,
		Count:     1,
		Send:      send,
		Gen:       1,
	}
}

// TestMessageWithoutFreeSlotIsDeferredUnclaimed delivers a message to a full
// process, as a Functions host does. The process waits for a slot, does not
// claim the message, and makes it due again later. The send number increases
// only for a transport that would drop the next delivery as a duplicate.
func TestMessageWithoutFreeSlotIsDeferredUnclaimed(t *testing.T) {
	t.Parallel()

	for name, relayed := range map[string]bool{"postgres": false, "relayed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			gate := turnstile{make(chan struct{})}
			e := start(t, enginetest.Options{
				Jobs: map[string]define.Job{
					"slow": jobOf(define.Stage[params]{Name: "only", Tasks: single()}),
				},
				Handlers: handlersOf(gate.pass),
				Dispatch: enginetest.Queue,
				Config: func(c *coremachine.Config) {
					c.MaxRunning, c.SlotWait, c.Relayed = 1, 10*time.Millisecond, relayed
				},
			})
			m := e.Process(0).Machine
			first := e.Submit("slow", `{"seed":1}`)

			until(t, "the process is full", func() bool { return m.Running() == 1 })

			second := e.Submit("slow", `{"seed":2}`)

			limit, cancel := context.WithTimeout(t.Context(), pgtest.Patience(t, time.Minute)/2)
			defer cancel()

			if err := m.Handle(limit, onlyMessage(t, e, second, 1)); err != nil {
				t.Fatalf("a full process returned %v, want an acknowledgement", err)
			}

			sends := 1
			if relayed {
				sends = 2
			}

			mustCount(t, e, 1,
				`select count(*) from messages where job_id = $1 and worker_id is null and attempt = 0 and redrives = 0
				and deliveries = 0 and sent_at is null and send = $2
				and due_at > now() and due_at < now() + interval '31 seconds'`,
				second[:],
				sends,
			)

			gate.admit <- struct{}{}

			e.Wait(first).MustBe(t, state.JobCompleted)
			exec(t, e, `update messages set due_at = now()`)

			gate.admit <- struct{}{}

			e.Wait(second).MustBe(t, state.JobCompleted)
		})
	}
}

// TestLaterSendIsNotAcknowledgedWithEarlierOne sends a message again, as the
// sweep and a redrive do, while its first delivery waits for a slot in the same
// process. The first delivery gives up without effect, because the message has
// another send number. The later one must not count as done with it.
func TestLaterSendIsNotAcknowledgedWithEarlierOne(t *testing.T) {
	t.Parallel()

	gate := turnstile{make(chan struct{})}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"slow": jobOf(define.Stage[params]{Name: "only", Tasks: single()}),
		},
		Handlers: handlersOf(gate.pass),
		Dispatch: enginetest.Queue,
		InFlight: 1, // only the test delivers while the first job runs
		Config:   func(c *coremachine.Config) { c.MaxRunning, c.SlotWait, c.Relayed = 1, time.Second, true },
	})
	m := e.Process(0).Machine
	first := e.Submit("slow", `{"seed":1}`)

	until(t, "the process is full", func() bool { return m.Running() == 1 })

	second := e.Submit("slow", `{"seed":2}`)

	limit, cancel := context.WithTimeout(t.Context(), pgtest.Patience(t, time.Minute)/2)
	defer cancel()

	deliver := func(send int) error {
		exec(t, e,
			`update messages set send = $2, deliveries = 1, locked_until = now() + interval '1 minute',
			due_at = now() + interval '1 minute' where job_id = $1`,
			second[:],
			send,
		)

		return m.Handle(limit, onlyMessage(t, e, second, send))
	}

	delivered := make(chan error, 1)
	go func() { delivered <- deliver(1) }()

	<-time.After(100 * time.Millisecond) // the first delivery waits for a slot

	if err := deliver(2); err != nil {
		t.Fatal(err)
	}

	if err := <-delivered; err != nil {
		t.Fatal(err)
	}

	if query(t, e,
		`select count(*) from messages where job_id = $1 and send = 3 and locked_until is null and sent_at is null`,
		second[:],
	) != 1 {
		t.Fatal("the transport acknowledges the later send, although its work is neither done nor deferred")
	}

	gate.admit <- struct{}{}

	e.Wait(first).MustBe(t, state.JobCompleted)
	exec(t, e, `update messages set due_at = now()`)

	gate.admit <- struct{}{}

	e.Wait(second).MustBe(t, state.JobCompleted)
}
