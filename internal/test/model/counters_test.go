package model

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// logCounters makes the schema log each update that raises a counter of a
// message although no work was done: a message that waits for a slot or for
// another build costs no attempt, delivery or redrive. Only a message that was
// claimed is sent again, under another ID.
const logCounters = `
create table raised (message_id bigint, kind smallint, raised text);

create function log_raised() returns trigger language plpgsql as $$
begin
  if new.attempt > old.attempt or new.deliveries > old.deliveries or new.redrives > old.redrives
    or new.send > old.send + (old.worker_id is not null)::int
  then
    insert into raised
    values (
      new.message_id, new.kind,
      format(
        'attempt %s to %s, deliveries %s to %s, redrives %s to %s, send %s to %s',
        old.attempt, new.attempt, old.deliveries, new.deliveries, old.redrives, new.redrives,
        old.send, new.send
      )
    );
  end if;

  return null;
end $$;

create trigger log_raised after update on messages for each row
when (new.worker_id is null and old.dead_reason is null and new.dead_reason is null)
execute function log_raised();`

// checkCounters checks that no release has raised a counter.
func (w *world) checkCounters() {
	rows, err := w.pool.Query(
		context.Background(),
		`select format('message %s of kind %s: %s', message_id, kind, raised) from raised`,
	)
	if err != nil {
		w.t.Fatal(err)
	}

	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(found) > 0 {
		w.t.Fatalf("a release without work raised counters: %q; %v", found, err)
	}
}
