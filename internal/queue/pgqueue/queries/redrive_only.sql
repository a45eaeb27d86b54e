-- Sends the dead letters with the given message IDs again: raises their send
-- number and resets their delivery count.
with d as materialized (
  select m.job_id, m.message_id from messages m
  where m.queue = @queue and m.dead_reason is not null and m.message_id = any (@ids::bigint[])
  order by m.queue, m.message_id
  for update skip locked
)
update messages m
set dead_reason = null, deliveries = 0, send = m.send + 1, redrives = 0, due_at = now(), locked_until = null, sent_at = null
from d where m.job_id = d.job_id and m.message_id = d.message_id
