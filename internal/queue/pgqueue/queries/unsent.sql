-- Gives rows back that the transport did not take: due now, and counted as if they had not been taken.
update messages m set due_at = now(), locked_until = null, deliveries = m.deliveries - 1
from unnest(@job_ids::bytea[], @message_ids::bigint[], @deliveries::smallint[]) as k (job_id, message_id, deliveries)
where m.job_id = k.job_id and m.message_id = k.message_id and m.deliveries = k.deliveries and m.locked_until is not null
  and m.worker_id is null
