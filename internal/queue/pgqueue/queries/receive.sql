-- Delivers the next due messages of a queue, and locks them for their receiver.
-- A message that was delivered too often becomes a dead letter.
--
-- Locks: messages in due order, without those that another receiver has locked.
-- It uses now() because clock_timestamp() cannot be an index condition.
with
-- Locks the messages.
due as materialized (
  select job_id, message_id
  from messages
  where queue = @queue
    and due_at <= now()
    and worker_id is null
    and sent_at is null
    and dead_reason is null
  order by queue, due_at, message_id
  limit @max_messages
  for update skip locked
)
update messages m
set
  due_at = now() + make_interval(secs => @lock),
  locked_until = now() + make_interval(secs => @lock),
  deliveries = m.deliveries + 1,
  dead_reason = case when m.deliveries >= @max_deliveries then 'MaxDeliveryCountExceeded' end
from due
where m.job_id = due.job_id
  and m.message_id = due.message_id
returning
  m.job_id, m.message_id, m.queue, m.kind, m.stage, m.gen, m.first, m.count,
  m.attempt, m.send, m.losses, m.deliveries,
  coalesce(m.traceparent, '') as traceparent,
  m.locked_until,
  m.dead_reason is not null as dead
