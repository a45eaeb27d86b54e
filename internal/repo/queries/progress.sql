-- Stores what handlers of this worker report about their tasks. It is sent with
-- the heartbeat.
--
-- Guard: this worker holds the message under the attempt that reports.
update messages m
set progress = k.progress::json
from unnest(@job_ids::bytea[], @message_ids::bigint[], @attempts::int[], @progress::text[])
  as k (job_id, message_id, attempt, progress)
where m.job_id = k.job_id
  and m.message_id = k.message_id
  and m.worker_id = @worker
  and m.attempt = k.attempt
