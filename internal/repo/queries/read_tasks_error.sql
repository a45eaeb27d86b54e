-- Returns tasks of one stage that failed with an error of one pattern, by the
-- index attempts_kind.
--
-- It reads a limited number of entries (scan). edge is where it stopped, or
-- null if it reached the end. A row with a null index carries only the edge.
with
-- The entries to look at, numbered.
scanned as materialized (
  select x.index, row_number() over (order by x.index) as n
  from (
    select a.index
    from attempts a
    where a.job_id = @job_id and a.stage = @stage and a.gen = @gen
      and a.fingerprint = @fingerprint
      and a.final
      and a.index > @after
    order by a.job_id, a.stage, a.gen, a.fingerprint, a.final desc, a.index
    limit @scan
  ) x
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
from (select (select k.index from scanned k where k.n = @scan) as edge) e
left join lateral (
  select
    t.index, t.status::text as status, t.attempt::int as attempt,
    t.failures::int as failures, t.losses::int as losses,
    t.started_at, t.finished_at, t.error
  from scanned k
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
