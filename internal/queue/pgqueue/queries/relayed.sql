-- Marks rows as handed to the transport, where they still wait under the lock that they were taken with. A row that the engine
-- has claimed, or ended, in the meantime is left alone: it was delivered already.
update messages m set sent_at = now(), locked_until = null
from unnest(@job_ids::bytea[], @message_ids::bigint[], @deliveries::smallint[]) as k (job_id, message_id, deliveries)
where m.job_id = k.job_id and m.message_id = k.message_id and m.deliveries = k.deliveries and m.locked_until is not null
  and m.worker_id is null
