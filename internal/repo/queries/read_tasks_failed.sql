-- Returns the failed tasks of one stage, found by the attempts that ended a
-- task.
--
-- It reads a limited number of attempts (scan). edge is where it stopped, or
-- null if it reached the end. A row with a null index carries only the edge.
with
-- The attempts to look at, numbered.
scanned as materialized (
  select x.index, x.final, row_number() over (order by x.index, x.attempt) as n
  from (
    select a.index, a.attempt, a.final
    from attempts a
    where a.job_id = @job_id and a.stage = @stage and a.gen = @gen
      and a.index > @after
    order by a.job_id, a.stage, a.gen, a.index, a.attempt
    limit @scan
  ) x
),
-- The tasks that one of them ended.
ended as materialized (
  select distinct a.index
  from scanned a
  where a.final
  order by a.index
)
select
  f.index,
  coalesce(f.status, '') as status,
  coalesce(f.attempt, 0) as attempt,
  coalesce(f.failures, 0) as failures,
  coalesce(f.losses, 0) as losses,
  f.started_at, f.finished_at,
  coalesce(f.error, '') as error,
  null::bytea as result,
  null::json as progress,
  e.edge
from (select (select a.index from scanned a where a.n = @scan) as edge) e
left join lateral (
  select
    t.index, t.status::text as status, t.attempt::int as attempt,
    t.failures::int as failures, t.losses::int as losses,
    t.started_at, t.finished_at, t.error
  from ended k
  -- The limit keeps the planner from joining on less than the whole key.
  cross join lateral (
    select *
    from tasks t
    where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = k.index
    limit 1
  ) t
  where t.status = 'failed'
  order by t.index
  limit @most
) f on true
