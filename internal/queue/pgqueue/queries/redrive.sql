-- Sends dead letters again: raises their send number and resets their delivery
-- count.
with d as materialized (
  select job_id, message_id from messages
  where queue = @queue and dead_reason is not null and (@reason = '' or dead_reason = @reason)
  order by queue, message_id
  limit @max_messages
  for update skip locked
)
update messages m
set dead_reason = null, deliveries = 0, send = m.send + 1, redrives = 0, due_at = now(), locked_until = null, sent_at = null
from d where m.job_id = d.job_id and m.message_id = d.message_id
