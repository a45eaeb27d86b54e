-- Plans the next chunk of a stage whose inputs are computed from the index. Its
-- tasks get no rows before they end, with one exception: a task of a
-- match_previous stage whose predecessor did not complete is written as
-- cancelled, so that indexes stay contiguous.
--
-- Guard: the plan message is the fence, and planned is both the resume point
-- and a guard. A repeat after a lost COMMIT answer finds its own chunk and
-- counts as landed.
--
-- Locks: the message, then the stage. No other transaction writes its tasks.
--
-- Returns the new number of planned tasks.
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
-- Locks the stage, before or after this chunk.
locked as materialized (
  select s.*
  from stages s
  where s.job_id = @job_id
    and s.stage = @stage
    and s.gen = @gen
    and s.status = 'running'
    and s.total is null
    and s.planned in (@planned::int, @planned::int + @count::int)
    and exists (select from fence)
  for no key update
),
-- Writes the tasks that cannot run.
cancelled_tasks as (
  insert into tasks (job_id, stage, gen, index, status, error, finished_at)
  select
    s.job_id, s.stage, s.gen, g, 'cancelled',
    '{"code":"predecessor_failed","message":"the task that it follows did not complete"}',
    clock_timestamp()
  from locked s
  join stages d on d.job_id = s.job_id and d.stage = s.depends_on[1]
  cross join generate_series(@planned::int, @planned::int + @count::int - 1) g
  -- offset 0: one look-up by the whole key each. A join could read the whole
  -- stage for each of its tasks.
  left join lateral (
    select p.status
    from tasks p
    where p.job_id = s.job_id and p.stage = d.stage and p.gen = d.gen and p.index = g
    offset 0
  ) p on true
  where @follows::bool
    and s.planned = @planned::int
    and p.status is distinct from 'completed'
  returning 1
)
update stages s
set
  planned = @planned::int + @count::int,
  cancelled = s.cancelled + (select count(*) from cancelled_tasks),
  sparse = s.sparse or exists (select from cancelled_tasks),
  progressed_at = now()
where s.job_id = @job_id
  and s.stage = @stage
  and exists (select from locked)
returning s.planned
