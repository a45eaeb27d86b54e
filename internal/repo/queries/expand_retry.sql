-- Opens the failed and cancelled tasks of the next range of a stage again; gen is kept: what completed stays. The message is the fence
-- and its first the resume point and the guard: a repeat after a lost COMMIT answer finds it moved on and counts as landed.
-- The stage is locked before its tasks, as when it is planned: nobody else touches tasks that have no message.
with m as materialized (
  select first from messages
  where job_id = @job_id and message_id = @message_id and worker_id = @worker and attempt = @attempt and kind = 5
    and first in (@first::int, @first::int + @count::int)
  for no key update
),
s as materialized (
  select s.planned from stages s
  where s.job_id = @job_id and s.stage = @stage and s.gen = @gen and s.reopening and exists (select from m)
  for no key update
),
o as materialized (
  select t.index, t.status, t.attempt from tasks t
  where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index >= @first and t.index < @first::int + @count::int
    and t.status in ('failed', 'cancelled') and exists (select from s) and exists (select from m where m.first = @first)
),
opened as (
  update tasks t set status = 'queued', failures = 0, losses = 0, error = null, started_at = null, finished_at = null
  from o
  where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = o.index
),
a as (
  update attempts a set final = false
  from o where a.job_id = @job_id and a.stage = @stage and a.gen = @gen and a.index = o.index and a.attempt = o.attempt and a.final
),
moved as (
  update messages set first = @first::int + @count::int
  where job_id = @job_id and message_id = @message_id and exists (select from s)
)
update stages s
set failed = s.failed - (select count(*) from o where status = 'failed'),
    cancelled = s.cancelled - (select count(*) from o where status = 'cancelled'), progressed_at = now()
where s.job_id = @job_id and s.stage = @stage and exists (select from s)
returning s.planned
