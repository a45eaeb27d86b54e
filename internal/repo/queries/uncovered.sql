-- Writes a message for each open task below the dispatched mark in a stage of a
-- job without messages. The message continues from the attempt and the losses
-- of the task.
with
-- The open tasks. A task without a row is open.
open_tasks as (
  select
    g.index,
    coalesce(t.attempt, 0) as attempt,
    coalesce(t.losses, 0) as losses
  from generate_series(0, @dispatched::int - 1) as g (index)
  -- offset 0: one look-up by the whole key each.
  left join lateral (
    select *
    from tasks t
    where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = g.index
    offset 0
  ) t on true
  where coalesce(t.status, 'queued') = 'queued'
  -- In no order, since sorting would read all tasks first.
  limit @most
)
insert into messages (job_id, queue, kind, stage, gen, first, attempt, losses)
select @job_id, @queue, 2, @stage, @gen, index, attempt, losses
from open_tasks
