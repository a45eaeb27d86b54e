-- Requeues messages other than task messages of one holder whose lease has
-- ended: those listed, in lock order. lost_tasks explains why the worker row is
-- locked first, and what is left alone.
--
-- Guard: the lease has ended and the holder still holds the message. Locks: the
-- worker row, then messages in the order given. Returns the requeued messages.
with
-- Locks the worker row, if its lease has ended.
holder as materialized (
  select 1
  from (select @worker::uuid as worker_id) k
  left join lateral (
    select w.lease_until
    from workers w
    where w.worker_id = k.worker_id
    offset 0
    for share
  ) w on true
  where w.lease_until is null
     or w.lease_until <= clock_timestamp()
),
-- Locks the messages.
held as materialized (
  select m.job_id, m.message_id
  from unnest(@job_ids::bytea[], @message_ids::bigint[]) as k (job_id, message_id)
  cross join lateral (
    select m.*
    from messages m
    where m.job_id = k.job_id
      and m.message_id = k.message_id
    offset 0
    for no key update skip locked
  ) m
  where exists (select from holder)
    and m.worker_id = @worker
    and m.kind <> 2
)
update messages x
set
  worker_id = null,
  claimed_at = null,
  locked_until = null,
  sent_at = null,
  send = x.send + 1,
  due_at = now(),
  losses = x.losses + 1
from held m
where x.job_id = m.job_id
  and x.message_id = m.message_id
returning x.job_id, x.message_id, x.kind, x.stage, x.losses
