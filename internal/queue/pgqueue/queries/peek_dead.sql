-- Returns the dead letters of a queue, oldest first.
select
  job_id, message_id, queue, kind, stage, gen, first, count, attempt, send, deliveries,
  coalesce(traceparent, '') as traceparent,
  dead_reason
from messages
where queue = @queue
  and dead_reason is not null
order by queue, message_id
limit @max_messages
