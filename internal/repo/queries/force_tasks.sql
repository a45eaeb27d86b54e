-- Ends the open tasks of the next range of a stage as cancelled, and counts the range by status. The fence keeps everybody else away.
with f as materialized (
  select 1 from messages
  where job_id = @job_id and message_id = @message_id and dead_reason = @holder
  for no key update
),
g as materialized (
  select g.index, t.status
  from generate_series(@first::int, @first::int + @count::int - 1) as g (index)
  left join lateral ( -- offset 0: one look-up by the whole key each
    select t.status from tasks t where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = g.index offset 0
  ) t on true
  where exists (select from f)
),
fresh as (
  insert into tasks (job_id, stage, gen, index, status, finished_at)
  select @job_id, @stage, @gen, g.index, 'cancelled', clock_timestamp() from g where g.status is null
),
ended as (
  update tasks t set status = 'cancelled', finished_at = clock_timestamp()
  from g
  where g.status = 'queued' and t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = g.index
)
select count(*) filter (where status = 'completed')::int as completed, count(*) filter (where status = 'failed')::int as failed,
       count(*) filter (where coalesce(status, 'queued') in ('queued', 'cancelled'))::int as cancelled,
       exists (select from f) as held
from g
