-- Writes the counters of a job's stages as the task rows show them, and ends
-- the stages that have not ended.
--
-- A stage keeps its status if it had ended and its counters were right. Any
-- other stage is cancelled with an error, so that a retry runs it from the
-- start and nothing builds on corrupt data.
--
-- Guard: the message row of the forced cancel is the fence. Locks: the message,
-- then stages in key order. Returns how many stages had wrong counters.
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
-- The counters as the rows show them.
given as materialized (
  select *
  from unnest(
    @stages::smallint[], @planned::int[], @completed::int[], @failed::int[], @cancelled::int[]
  ) as k (stage, planned, completed, failed, cancelled)
),
-- Locks the stages and compares their counters.
locked as materialized (
  select
    s.stage,
    (s.planned, s.completed, s.failed, s.cancelled)
      is distinct from (k.planned, k.completed, k.failed, k.cancelled) as wrong
  from given k
  join stages s on s.job_id = @job_id and s.stage = k.stage
  where exists (select from fence)
  order by s.stage
  for no key update of s
),
-- Writes the counters and ends the stages.
written as (
  update stages s
  set
    planned = k.planned,
    completed = k.completed,
    failed = k.failed,
    cancelled = k.cancelled,
    reopening = false,
    total = case when s.status <> 'waiting' then k.planned end,
    dispatched = case when s.status <> 'waiting' then k.planned else 0 end,
    status = case
      when s.finished_at is not null and not l.wrong then s.status
      else 'cancelled'
    end,
    error = case
      when s.finished_at is not null and not l.wrong or s.status = 'waiting' then s.error
      else coalesce(s.error, @cut_off::json)
    end,
    finished_at = coalesce(s.finished_at, clock_timestamp()),
    progressed_at = now()
  from given k
  join locked l using (stage)
  where s.job_id = @job_id
    and s.stage = k.stage
  returning l.wrong
)
select count(*) filter (where wrong)::int as repaired
from written
