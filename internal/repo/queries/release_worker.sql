-- Releases all messages that a worker holds when it shuts down, and deletes its
-- row.
--
-- Locks: messages in key order. Returns their queues.
with
-- Locks the messages.
held as (
  select job_id, message_id
  from messages
  where worker_id = @worker
  order by job_id, message_id
  for no key update
),
-- Releases them.
released as (
  update messages x
  set
    worker_id = null,
    claimed_at = null,
    locked_until = null,
    sent_at = null,
    send = x.send + 1,
    due_at = now()
  from held m
  where x.job_id = m.job_id
    and x.message_id = m.message_id
  returning x.queue
),
-- Ends the lease.
closed as (
  delete from workers
  where worker_id = @worker
)
select distinct queue
from released
