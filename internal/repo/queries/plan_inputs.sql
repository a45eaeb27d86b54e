-- Plans the next chunk of a fan_out stage: writes one task for each input.
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
    and s.planned in (@planned::int, @planned::int + cardinality(@inputs::bytea[]))
    and exists (select from fence)
  for no key update
),
-- Writes the tasks.
inserted as (
  insert into tasks (job_id, stage, gen, index, input)
  select s.job_id, s.stage, s.gen, @planned::int + i.n - 1, i.input
  from locked s
  cross join unnest(@inputs::bytea[]) with ordinality as i (input, n)
  where s.planned = @planned::int
)
update stages s
set planned = @planned::int + cardinality(@inputs::bytea[]), progressed_at = now()
where s.job_id = @job_id
  and s.stage = @stage
  and exists (select from locked)
returning s.planned
