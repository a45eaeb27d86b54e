-- Returns messages that wait for a build that declares their work, in key order
-- after a given key. The caller starts again from the beginning after the last.
select
  job_id, message_id, queue, kind, stage, gen, first, count, attempt, send, losses,
  coalesce(traceparent, '') as traceparent
from messages
where parked_since is not null
  and worker_id is null
  and dead_reason is null
  and (job_id, message_id) > (@job_id, @message_id)
order by job_id, message_id
limit @most
