-- Acknowledges deliveries whose message rows the engine did not delete. They
-- count as sent, and the sweep sends them again if their stages do not
-- progress.
--
-- Guard: the delivery still has its lock, and no worker has claimed the
-- message. Locks: messages in the order given, which is key order.
with
-- Locks the messages.
held as materialized (
  select k.job_id, k.message_id
  from unnest(@job_ids::bytea[], @message_ids::bigint[], @sends::int[], @deliveries::int[])
    as k (job_id, message_id, send, deliveries)
  cross join lateral (
    select m.send, m.deliveries, m.locked_until, m.worker_id
    from messages m
    where m.job_id = k.job_id
      and m.message_id = k.message_id
    offset 0
    for no key update
  ) m
  where m.send = k.send
    and m.deliveries = k.deliveries
    and m.locked_until is not null
    and m.worker_id is null
)
update messages m
set sent_at = now(), locked_until = null
from held h
where m.job_id = h.job_id
  and m.message_id = h.message_id
