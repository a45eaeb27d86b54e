-- Sends those of the named messages again that are dead letters. Each is a new
-- send, and its deliveries and redrives are counted from zero.
--
-- Locks: messages in the order of their ids, without those that are locked.
with
-- Locks the dead letters.
dead as materialized (
  select m.job_id, m.message_id
  from messages m
  where m.queue = @queue
    and m.dead_reason is not null
    and m.message_id = any (@ids::bigint[])
  order by m.queue, m.message_id
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
