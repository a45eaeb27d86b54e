package repo_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// holdLeases makes connections named slow wait, when they read a lease, for as
// long as the test holds the schema's lock.
const holdLeases = `
alter table workers rename to leases;
create function hold_on() returns boolean language plpgsql cost 0.0001 as $$ -- cheap: asked before the lease's end
begin
  if current_setting('application_name') = 'slow' then
    perform pg_advisory_xact_lock_shared(hashtext(current_schema()));
  end if;
  return true;
end $$;
create view workers as select * from leases where hold_on();`

// TestReclaimSkipsMessageClaimedAgain has a process with an expired lease
// release its message, and another process claim it. A third process has found
// the message orphaned before that, and has not locked it yet.
func TestReclaimSkipsMessageClaimedAgain(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		body string
		kind state.MessageKind
	}{"tasks": {`{"n":4}`, state.KindTasks}, "plan": {`{"n":0}`, state.KindPlan}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newManualJob(t, c.body, fourInABundle)
			short := uuid.New()
			h.lease(short, 50*time.Millisecond)
			claimed := h.claim(short, c.kind, 1)[0]

			until(
				t,
				"its lease has expired",
				func() bool { return h.one(`select count(*) from workers where lease_until > now()`) == 2 },
			)

			reclaimed := h.startReclaim()
			h.release(short, claimed)
			again := h.claim(h.b, c.kind, 1)[0]

			if n := reclaimed(); n != 0 {
				t.Errorf("%d messages of a living process were reclaimed", n)
			}

			if c.kind == state.KindPlan {
				if landed, err := h.PlanComputed(t.Context(), h.b, again, 5); err != nil || !landed {
					t.Errorf("the claiming process planned: %t, %v", landed, err)
				}

				return
			}

			h.complete(h.b, 4, end(again, 0), end(again, 1), end(again, 2), end(again, 3))
			h.count(0, `select count(*) from attempts`)
		})
	}
}

// startReclaim has a third process look for orphaned messages. It returns after
// that process has found them and before it locks them. The returned function
// unblocks the process and returns how many it reclaimed.
func (h *manualJob) startReclaim() (reclaimed func() int) {
	h.t.Helper()
	ctx := h.t.Context()

	orphans, err := h.Orphans(ctx, 10)
	if err != nil || len(orphans) != 1 {
		h.t.Fatalf("%d orphans were found, want 1; %v", len(orphans), err)
	}

	if _, err := h.Pool().Exec(ctx, holdLeases); err != nil {
		h.t.Fatal(err)
	}

	slow, err := repo.Open(ctx, repo.Config{URL: h.url + "&application_name=slow"})
	if err != nil {
		h.t.Fatal(err)
	}

	h.t.Cleanup(slow.Close)

	lock, err := h.Pool().Begin(ctx)
	if err != nil {
		h.t.Fatal(err)
	}

	h.t.Cleanup(func() { _ = lock.Rollback(context.WithoutCancel(ctx)) }) // a no-op after Commit

	if _, err := lock.Exec(ctx, `select pg_advisory_xact_lock(hashtext(current_schema()))`); err != nil {
		h.t.Fatal(err)
	}

	over := make(chan int, 1)

	go func() {
		n, _, err := slow.ReclaimExpired(ctx, orphans[0].Worker, orphans)
		if err != nil {
			h.t.Error(err)
		}

		over <- n
	}()

	until(h.t, "the third waits", func() bool {
		return h.one(`select count(*) from pg_locks where locktype = 'advisory' and not granted
			and objid = (hashtext(current_schema())::bigint & 4294967295)::oid`) == 1
	})

	return func() int {
		if err := lock.Commit(ctx); err != nil {
			h.t.Fatal(err)
		}

		return <-over
	}
}

// TestLateCompletionIsNotReclaimed has a process with an expired lease complete
// one task of a bundle of four. Another process has found the bundle orphaned
// before that, and has not locked it yet. It must reclaim only three tasks.
func TestLateCompletionIsNotReclaimed(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":4}`, fourInABundle)
	short := uuid.New()
	h.lease(short, 50*time.Millisecond)
	claimed := h.claim(short, state.KindTasks, 1)[0]

	until(
		t,
		"its lease has expired",
		func() bool { return h.one(`select count(*) from workers where lease_until > now()`) == 2 },
	)

	reclaimed := h.startReclaim()
	h.complete(short, 1, end(claimed, 2))

	if n := reclaimed(); n != 3 {
		t.Errorf("%d tasks were reclaimed, want 3", n)
	}

	h.count(3, `select count(*) from attempts where outcome = 'lost'`)
	h.count(1, `select count(*) from tasks where status = 'completed' and losses = 0`)

	for _, one := range h.claim(h.b, state.KindTasks, 3) {
		h.complete(h.b, 1, end(one, one.First))
	}
}

func (h *manualJob) one(sql string) (n int) {
	h.t.Helper()

	if err := h.Pool().QueryRow(h.t.Context(), sql).Scan(&n); err != nil {
		h.t.Fatal(err)
	}

	return n
}

// TestConcurrentRenewalPreventsReclaim has a process look for orphaned work
// when a committed lease has expired, but a transaction that renews it is about
// to commit.
func TestConcurrentRenewalPreventsReclaim(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":4}`, fourInABundle)
	worker := uuid.New()

	other, err := repo.Open(t.Context(), repo.Config{URL: h.url})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(other.Close)
	h.lease(worker, 200*time.Millisecond)
	h.claim(worker, state.KindTasks, 1)

	renewal, err := h.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = renewal.Rollback(context.WithoutCancel(t.Context())) }() // a no-op after Commit

	if _, err := renewal.Exec(
		t.Context(),
		`update workers set lease_until = now() + interval '1 hour' where worker_id = $1`,
		worker,
	); err != nil {
		t.Fatal(err)
	}

	var orphans []state.Orphan

	until(t, "its lease has expired", func() bool {
		orphans, err = h.Orphans(t.Context(), 10)
		return err != nil || len(orphans) == 1
	})

	reclaimed := make(chan int, 1)

	go func() {
		n, _, err := other.ReclaimExpired(t.Context(), worker, orphans)
		for state.CodeOf(err) == state.CodeUnavailable { // the lock timeout, on a slow machine
			n, _, err = other.ReclaimExpired(t.Context(), worker, orphans)
		}

		if err != nil {
			t.Error(err)
		}

		reclaimed <- n
	}()

	waits := func() bool {
		return h.one(
			`select count(*) from pg_stat_activity
			where wait_event_type = 'Lock' and query like '%holder as materialized%'
			and query like '%below%' and datname = current_database()`,
		) > 0
	}

	until(t, "the reclaim waits for the renewal", func() bool { return len(reclaimed) > 0 || waits() })

	if err := renewal.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}

	if n := <-reclaimed; n != 0 {
		t.Errorf("%d tasks of a living process were requeued", n)
	}

	h.count(0, `select count(*) from attempts`)
}
