-- Cancels the next tasks of a job that is being stopped which were planned and
-- never dispatched. dispatched is the resume point. Planning and reopening that
-- were cut off end where they stood.
--
-- Guard: the stop message is the fence.
--
-- Locks: the message, then the stage. Otherwise a completion could write a
-- message for tasks that are cancelled here. No other transaction writes tasks
-- without a message. Returns the stage.
with
-- The fence.
fence as materialized (
  select 1
  from messages
  where job_id = @job_id
    and message_id = @message_id
    and worker_id = @worker
    and attempt = @attempt
  for no key update
),
-- Locks the next stage with tasks that were never dispatched.
undispatched as materialized (
  select s.*
  from stages s
  where s.job_id = @job_id
    and s.status = 'running'
    and s.dispatched < s.planned
    and exists (select from fence)
    and not exists (
      select
      from messages m
      where m.job_id = s.job_id
        and m.kind in (1, 5)
        and m.stage = s.stage
    )
  order by s.stage
  limit 1
  for no key update
),
-- Cancels its next tasks. Those without a row get one.
cancelled_tasks as (
  insert into tasks as t (job_id, stage, gen, index, status, finished_at)
  select s.job_id, s.stage, s.gen, g, 'cancelled', clock_timestamp()
  from undispatched s
  cross join lateral generate_series(
    s.dispatched, least(s.dispatched + @most, s.planned) - 1
  ) g
  on conflict (job_id, stage, gen, index) do update
  set status = 'cancelled', finished_at = clock_timestamp()
  where t.status = 'queued'
  returning 1
)
update stages x
set
  total = x.planned,
  reopening = false,
  error = case when x.total is null and not x.reopening then @cut_off::json else x.error end,
  dispatched = least(s.dispatched + @most, s.planned),
  cancelled = x.cancelled + (select count(*) from cancelled_tasks)
from undispatched s
where x.job_id = s.job_id
  and x.stage = s.stage
returning x.stage
