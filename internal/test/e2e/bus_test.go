package e2e_test

import (
	"testing"
	"time"

	"coremachine/internal/dev/devhost"
	"coremachine/internal/dev/sbfake"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

func TestHelloWorldOverServiceBus(t *testing.T) {
	t.Parallel()
	h, b := startOnBus(t, pgtest.URL(t), sbfake.Options{})
	id := h.submit(t, "hello_world", `{"n":1000}`)
	waitFor(t, 2*time.Minute, "the job ends", func() bool { return h.status(t, id).Ended() })

	if got := h.status(t, id); got != state.JobCompleted {
		t.Fatalf("the job is %s", got)
	}

	if n := h.number(t, `select count(*) from tasks where job_id = $1 and status = 'completed'`, id[:]); n != 2000 {
		t.Errorf("%d tasks are completed, want 2000", n)
	}

	mustLeaveNothing(t, h, b)
	sent, rows := sends(b)
	t.Logf("%d messages were sent for %d rows", sent, rows)

	if rows == 0 || float64(sent) > 1.05*float64(rows) {
		t.Errorf("%d messages were sent for %d rows", sent, rows)
	}
}

// TestServiceBusWithAllFaults injects every kind of fault while 10,000 tasks
// run. Each result must still be recorded once.
func TestServiceBusWithAllFaults(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)

	h, b := startOnBus(t, url, sbfake.Options{Lock: 5 * time.Second})
	if err := enginetest.LogStatusChanges(t.Context(), h.pool); err != nil {
		t.Fatal(err)
	}

	f := newFaults()
	b.SetFaults(f.hooks())

	const n = 10_000

	id := h.submit(t, "small_bundles", `{"n":10000}`)

	ended := make(chan struct{})
	go f.carryOut(b, ended)

	waitFor(t, 5*time.Minute, "the job ends", func() bool { return h.status(t, id).Ended() })
	close(ended)
	b.SetFaults(sbfake.Faults{})
	t.Log(f.String())

	if got := h.status(t, id); got != state.JobCompleted {
		t.Fatalf("the job is %s", got)
	}

	f.mustHaveHappened(t)
	mustBeTheSum(t, h, id, n)
	mustLeaveNothing(t, h, b)

	illegal, err := enginetest.IllegalTransitions(t.Context(), h.pool)
	if err != nil {
		t.Fatal(err)
	}

	for _, line := range illegal {
		t.Error(line)
	}
}

// mustBeTheSum checks the results of small_bundles: the result of each task,
// and the sum over them.
func mustBeTheSum(t *testing.T, h *hosted, id state.JobID, n int) {
	t.Helper()

	if got := h.number(t, `select count(*) from tasks where job_id = $1 and stage = 0 and status = 'completed'
		and (convert_from(result, 'UTF8')::json->>'value')::int = index`, id[:]); got != n {
		t.Errorf("%d tasks have their own result, want %d", got, n)
	}

	const sum = `select (convert_from(result, 'UTF8')::json->>'value')::int from tasks where job_id = $1 and stage = 1`

	if got := h.number(t, sum, id[:]); got != n*(n-1)/2 {
		t.Errorf("the sum is %d, want %d", got, n*(n-1)/2)
	}
}

// TestDatabaseOutageDoesNotUseUpDeliveries crashes Postgres for a minute in the
// middle of 10,000 tasks. Failed messages are abandoned immediately and may be
// delivered ten times, as in a namespace with the default limit.
func TestDatabaseOutageDoesNotUseUpDeliveries(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t)
	h, b := startOnBus(
		t,
		migrated(t, server.URL()),
		sbfake.Options{MaxDeliveries: 10},
		func(o *devhost.Options) { o.AbandonDelay = -1 },
	)
	half := newCountdown(500)

	b.SetFaults(sbfake.Faults{Settle: func(string) sbfake.SettleFault {
		half.step()
		return sbfake.SettleOK
	}})

	id := h.submit(t, "small_bundles", `{"n":10000}`)
	half.wait(t)

	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}

	if b.Depth(state.QueueTasks.String()) == (sbfake.Depth{}) {
		t.Error("the work was done before the outage")
	}

	before := h.host.Stats().Abandoned

	<-time.After(time.Minute) // the test is about an outage of this length

	during := h.host.Stats().Abandoned - before

	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}

	waitFor(t, 3*time.Minute, "the job ends", func() bool {
		var status state.JobStatus

		err := h.pool.QueryRow(t.Context(), `select status from jobs where job_id = $1`, id[:]).Scan(&status)

		return err == nil && status.Ended()
	})

	if got := h.status(t, id); got != state.JobCompleted {
		t.Fatalf("the job is %s", got)
	}

	if t.Logf("%d deliveries failed during the outage", during); during == 0 {
		t.Error("no delivery failed during the outage")
	}

	if n := h.number(t, `select count(*) from attempts where job_id = $1 and final`, id[:]); n != 0 {
		t.Errorf("%d attempts failed permanently", n)
	}

	mustBeTheSum(t, h, id, 10_000)
	mustLeaveNothing(t, h, b) // dead letters would be left
}
