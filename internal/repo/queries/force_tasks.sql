-- Cancels the open tasks in the next range of a stage, and counts the tasks of
-- the range by status.
--
-- Guard: the fence of the forced cancel. It keeps all other writers away.
with
-- The fence.
fence as materialized (
  select 1
  from messages
  where job_id = @job_id
    and message_id = @message_id
    and dead_reason = @holder
  for no key update
),
-- The tasks of the range. status is null for a task without a row.
in_range as materialized (
  select g.index, t.status
  from generate_series(@first::int, @first::int + @count::int - 1) as g (index)
  -- offset 0: one look-up by the whole key each.
  left join lateral (
    select t.status
    from tasks t
    where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = g.index
    offset 0
  ) t on true
  where exists (select from fence)
),
-- Writes a row for each task that has none.
inserted as (
  insert into tasks (job_id, stage, gen, index, status, finished_at)
  select @job_id, @stage, @gen, g.index, 'cancelled', clock_timestamp()
  from in_range g
  where g.status is null
),
-- Cancels the queued tasks.
updated as (
  update tasks t
  set status = 'cancelled', finished_at = clock_timestamp()
  from in_range g
  where g.status = 'queued'
    and t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = g.index
)
select
  count(*) filter (where status = 'completed')::int as completed,
  count(*) filter (where status = 'failed')::int as failed,
  count(*) filter (where coalesce(status, 'queued') in ('queued', 'cancelled'))::int as cancelled,
  exists (select from fence) as held
from in_range
