-- Releases messages that a live worker holds and does not know about. Either
-- its claim was committed and never answered, or the statement that was to end
-- the message failed permanently.
--
-- Guard: the worker does not list the message, and the claim is older than age.
-- A younger claim may still be on its way to the worker. Locks: messages in key
-- order. Returns their queues.
with
-- The messages that the worker knows about.
known as materialized (
  select *
  from unnest(@job_ids::bytea[], @message_ids::bigint[]) as k (job_id, message_id)
),
-- Locks the others.
forgotten as (
  select m.job_id, m.message_id
  from messages m
  where m.worker_id = @worker
    and m.claimed_at < now() - make_interval(secs => @age)
    -- Hashed. A join would compare each message with each.
    and (m.job_id, m.message_id) not in (select k.job_id, k.message_id from known k)
  order by m.job_id, m.message_id
  for no key update skip locked
)
update messages x
set
  worker_id = null,
  claimed_at = null,
  locked_until = null,
  sent_at = null,
  send = x.send + 1,
  due_at = now()
from forgotten m
where x.job_id = m.job_id
  and x.message_id = m.message_id
returning x.queue
