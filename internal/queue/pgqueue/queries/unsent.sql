-- Releases rows that the transport did not accept: they are due immediately,
-- and the delivery is not counted.
--
-- Guard: the row still has the lock of the relay that took it. Locks: messages
-- in key order, as in relayed.
with
-- Locks the messages.
locked as materialized (
  select m.job_id, m.message_id
  from unnest(@job_ids::bytea[], @message_ids::bigint[], @deliveries::int[])
    as k (job_id, message_id, deliveries)
  join messages m
    on m.job_id = k.job_id and m.message_id = k.message_id and m.deliveries = k.deliveries
  where m.locked_until is not null
    and m.worker_id is null
  order by m.job_id, m.message_id
  for no key update of m
)
update messages m
set due_at = now(), locked_until = null, deliveries = m.deliveries - 1
from locked l
where m.job_id = l.job_id
  and m.message_id = l.message_id
