-- Writes the counters of a job's stages as their rows say, and ends those that have not ended; rows locked in key order. A stage that
-- had ended and that its rows bear out keeps its status. Any other is cancelled, with an error, so that a retry runs it from the start:
-- nothing is built on what was corrupt. repaired: stages whose counters were wrong.
with f as materialized (
  select 1 from messages
  where job_id = @job_id and message_id = @message_id and dead_reason = @holder
  for no key update
),
k as materialized (
  select * from unnest(@stages::smallint[], @planned::int[], @completed::int[], @failed::int[], @cancelled::int[])
    as k (stage, planned, completed, failed, cancelled)
),
locked as materialized (
  select s.stage, (s.planned, s.completed, s.failed, s.cancelled) is distinct from (k.planned, k.completed, k.failed, k.cancelled) as wrong
  from k join stages s on s.job_id = @job_id and s.stage = k.stage
  where exists (select from f)
  order by s.stage
  for no key update of s
),
x as (
  update stages s
  set planned = k.planned, completed = k.completed, failed = k.failed, cancelled = k.cancelled, reopening = false,
      total = case when s.status <> 'waiting' then k.planned end,
      dispatched = case when s.status <> 'waiting' then k.planned else 0 end,
      status = case when s.finished_at is not null and not l.wrong then s.status else 'cancelled' end,
      error = case when s.finished_at is not null and not l.wrong or s.status = 'waiting' then s.error
                   else coalesce(s.error, @cut_off::json) end,
      finished_at = coalesce(s.finished_at, clock_timestamp()), progressed_at = now()
  from k join locked l using (stage)
  where s.job_id = @job_id and s.stage = k.stage
  returning l.wrong
)
select count(*) filter (where wrong)::int as repaired from x
