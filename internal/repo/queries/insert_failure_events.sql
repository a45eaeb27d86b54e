-- Logs failed attempts on the timeline: the first 100 of a stage, then one a
-- minute, with the number of failures so far.
--
-- The caller has locked the stages in this transaction.
with
-- The failures, numbered by stage.
given as materialized (
  select *, row_number() over (partition by job_id, stage order by n) as place
  from unnest(
    @job_ids::bytea[], @stages::smallint[], @gens::int[], @indexes::int[], @attempts::int[],
    @finals::bool[], @codes::text[], @errors::text[]
  ) with ordinality as k (job_id, stage, gen, index, attempt, final, code, error, n)
),
-- How many each stage has.
by_stage as (
  select job_id, stage, count(*) as n
  from given
  group by job_id, stage
),
-- Counts them on the stages, and decides whether one more is logged.
counted as (
  update stages s
  set
    failures_seen = s.failures_seen + b.n,
    failures_told_at = case
      when s.failures_seen < 100 or s.failures_told_at < now() - interval '1 minute' then now()
      else s.failures_told_at
    end
  from by_stage b
  where s.job_id = b.job_id
    and s.stage = b.stage
  returning
    s.job_id, s.stage, s.failures_seen - b.n as before, s.failures_seen,
    s.failures_told_at = now() as log_one
)
insert into events (job_id, kind, stage, gen, index, fingerprint, detail)
select
  k.job_id, 'task_failed', k.stage, k.gen, k.index,
  hashtextextended(error_pattern(k.error), 0),
  json_build_object(
    'attempt', k.attempt, 'final', k.final, 'code', k.code, 'message', k.error,
    'failures', s.before + k.place
  )
from given k
cross join lateral (
  select *
  from counted s
  where s.job_id = k.job_id and s.stage = k.stage
  offset 0
) s
where s.before + k.place <= 100
   or s.log_one and s.before >= 100 and k.place = 1
