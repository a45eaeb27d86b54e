package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// holdLeases makes connections named slow wait, as they look at a lease, for as long as somebody holds the schema's lock.
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

// TestALivingClaimIsNotLost has a process whose lease has ended put its message back, and another claim it, while a third has already
// found it lost and not yet locked it.
func TestALivingClaimIsNotLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		kind state.MessageKind
	}{"tasks": {`{"n":4}`, state.KindTasks}, "plan": {`{"n":20000}`, state.KindPlan}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := doByHand(t, c.body, fourInABundle)
			short := uuid.New()
			h.lease(short, 50*time.Millisecond)
			held := h.claim(short, c.kind, 1)[0]
			until(t, "its lease has ended", func() bool { return h.one(`select count(*) from workers where lease_until > now()`) == 2 })

			if _, err := h.Pool().Exec(t.Context(), holdLeases); err != nil {
				t.Fatal(err)
			}
			slow, err := repo.Open(t.Context(), repo.Config{URL: h.url + "&application_name=slow"})
			if err != nil {
				t.Fatal(err)
			}
			defer slow.Close()
			lock, err := h.Pool().Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = lock.Rollback(context.WithoutCancel(t.Context())) }() // a no-op after Commit
			if _, err := lock.Exec(t.Context(), `select pg_advisory_xact_lock(hashtext(current_schema()))`); err != nil {
				t.Fatal(err)
			}
			freed := make(chan int, 1)
			go func() {
				n, _, err := slow.FreeLost(t.Context())
				if err != nil {
					t.Error(err)
				}
				freed <- n
			}()
			until(t, "the third waits", func() bool {
				return h.one(`select count(*) from pg_locks where locktype = 'advisory' and not granted
					and objid = (hashtext(current_schema())::bigint & 4294967295)::oid`) == 1
			})
			h.release(short, held)
			again := h.claim(h.b, c.kind, 1)[0]
			if err := lock.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := <-freed; n != 0 {
				t.Errorf("%d were freed of a process that lives", n)
			}
			if c.kind == state.KindPlan {
				if landed, err := h.PlanPure(t.Context(), h.b, again, 5); err != nil || !landed {
					t.Errorf("its holder planned: %t, %v", landed, err)
				}
				return
			}
			h.book(h.b, 4, end(again, 0), end(again, 1), end(again, 2), end(again, 3))
			h.count(0, `select count(*) from attempts`)
		})
	}
}

func (h *byHand) one(sql string) (n int) {
	h.t.Helper()
	if err := h.Pool().QueryRow(h.t.Context(), sql).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}
