-- Sends dead letters of a queue again, of one reason if it is given. Each is a
-- new send, and its deliveries and redrives are counted from zero.
--
-- Locks: messages in the order of their ids, without those that are locked.
with
-- Locks the dead letters.
dead as materialized (
  select job_id, message_id
  from messages
  where queue = @queue
    and dead_reason is not null
    and (@reason = '' or dead_reason = @reason)
  order by queue, message_id
  limit @max_messages
  for update skip locked
)
update messages m
set
  dead_reason = null,
  deliveries = 0,
  send = m.send + 1,
  redrives = 0,
  due_at = now(),
  locked_until = null,
  sent_at = null
from dead d
where m.job_id = d.job_id
  and m.message_id = d.message_id
