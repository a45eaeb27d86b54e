-- Sends the stop message of a job again where it was set aside, however often that happened: nothing else can end the job. One that a
-- forced cancel holds is left alone until its time is over.
with m as materialized (
  select job_id, message_id from messages
  where job_id = @job_id and kind = 4 and dead_reason is not null and (dead_reason <> @holder or due_at < now())
  order by job_id, message_id
  for no key update
),
sent as (
  update messages x
  set dead_reason = null, deliveries = 0, send = x.send + 1, redrives = x.redrives + 1, due_at = now(), locked_until = null, sent_at = null
  from m where x.job_id = m.job_id and x.message_id = m.message_id
  returning x.job_id
)
insert into events (job_id, kind, detail)
select job_id, 'redriven', json_build_object('messages', count(*)) from sent group by job_id
