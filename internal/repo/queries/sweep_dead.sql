-- Redrives dead letters of work that is still wanted, a few times; what dies again after that waits for a person. A stop is redriven
-- however often: nothing else can end its job. One that a forced cancel holds is left alone until its time is over.
with m as materialized (
  select m.job_id, m.message_id from messages m join jobs j using (job_id)
  where m.dead_reason is not null and j.finished_at is null and (m.kind = 4 or m.redrives < @most_redrives)
    and (m.dead_reason <> @holder or m.due_at < now())
  order by m.job_id, m.message_id limit @most
  for no key update of m skip locked
),
sent as (
  update messages x
  set dead_reason = null, deliveries = 0, send = x.send + 1, redrives = x.redrives + 1, due_at = now() + make_interval(secs => @delay), locked_until = null, sent_at = null
  from m where x.job_id = m.job_id and x.message_id = m.message_id
  returning x.job_id, x.queue
),
told as (
  insert into events (job_id, kind, detail) select job_id, 'redriven', json_build_object('messages', count(*)) from sent group by job_id
)
select queue from sent
