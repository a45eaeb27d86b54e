-- Redrives dead letters of work that is still wanted, a limited number of
-- times. After that, a dead letter waits for an operator. A stop message (kind
-- 4) is redriven any number of times, since nothing else can end its job.
--
-- Guard: the job is open, and a forced cancel does not hold the message or its
-- hold has expired. Locks: messages in key order. Returns their queues.
with
-- Locks the dead letters.
dead as materialized (
  select m.job_id, m.message_id
  from messages m
  join jobs j using (job_id)
  where m.dead_reason is not null
    and j.finished_at is null
    and (m.kind = 4 or m.redrives < @most_redrives)
    and (m.dead_reason <> @holder or m.due_at < now())
  order by m.job_id, m.message_id
  limit @most
  for no key update of m skip locked
),
-- Sends them again.
sent as (
  update messages x
  set
    dead_reason = null,
    deliveries = 0,
    send = x.send + 1,
    redrives = x.redrives + 1,
    due_at = now() + make_interval(secs => @delay),
    locked_until = null,
    sent_at = null
  from dead m
  where x.job_id = m.job_id
    and x.message_id = m.message_id
  returning x.job_id, x.queue
),
-- Logs an event for each job.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'redriven', json_build_object('messages', count(*))
  from sent
  group by job_id
)
select queue
from sent
