-- Marks rows as sent if the lock of their delivery still exists. It skips a row
-- that the engine has claimed or deleted in the meantime, because such a row
-- was delivered. The rows were received in due order and are locked in key
-- order, like those of a claim.
with l as materialized (
  select m.job_id, m.message_id
  from unnest(@job_ids::bytea[], @message_ids::bigint[], @deliveries::int[]) as k (job_id, message_id, deliveries)
  join messages m on m.job_id = k.job_id and m.message_id = k.message_id and m.deliveries = k.deliveries
  where m.locked_until is not null and m.worker_id is null
  order by m.job_id, m.message_id
  for no key update of m
)
update messages m set sent_at = now(), locked_until = null
from l where m.job_id = l.job_id and m.message_id = l.message_id
