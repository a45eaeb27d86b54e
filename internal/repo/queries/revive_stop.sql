-- Sends the stop message of a job again if it is a dead letter, however often
-- that happened: nothing else can end the job.
--
-- Guard: a forced cancel does not hold the message, or its hold has expired.
-- Locks: messages in key order.
with
-- Locks the stop messages.
dead as materialized (
  select job_id, message_id
  from messages
  where job_id = @job_id
    and kind = 4
    and dead_reason is not null
    and (dead_reason <> @holder or due_at < now())
  order by job_id, message_id
  for no key update
),
-- Sends them again.
sent as (
  update messages x
  set
    dead_reason = null,
    deliveries = 0,
    send = x.send + 1,
    redrives = x.redrives + 1,
    due_at = now(),
    locked_until = null,
    sent_at = null
  from dead m
  where x.job_id = m.job_id
    and x.message_id = m.message_id
  returning x.job_id
)
-- Logs an event.
insert into events (job_id, kind, detail)
select job_id, 'redriven', json_build_object('messages', count(*))
from sent
group by job_id
