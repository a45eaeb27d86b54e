-- Returns tasks of one stage that messages cover: those that workers hold
-- (held), or those that wait. The number of messages is limited by the stage's
-- window.
--
-- It looks at a limited number of indexes (scan). edge is where it stopped, or
-- null if it reached the end. A row with a null index carries only the edge.
with
-- The messages.
covering as materialized (
  select m.first, m.count, m.attempt, m.claimed_at, m.progress
  from messages m
  where m.job_id = @job_id
    and m.kind = 2
    and m.stage = @stage
    and m.gen = @gen
    and (m.worker_id is not null) = @held
    and m.first + m.count > @after + 1
),
-- The indexes that they cover, numbered.
scanned as materialized (
  select
    x.index, x.count, x.attempt, x.claimed_at, x.progress,
    row_number() over (order by x.index) as n
  from (
    select g.index, m.count, m.attempt, m.claimed_at, m.progress
    from covering m
    cross join lateral generate_series(
      greatest(m.first, @after + 1), m.first + m.count - 1
    ) as g (index)
    order by g.index
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
  f.progress,
  e.edge
from (select (select k.index from scanned k where k.n = @scan) as edge) e
left join lateral (
  select
    k.index,
    case when @held then 'running' else 'queued' end as status,
    case when @held then k.attempt else coalesce(t.attempt, 0) end::int as attempt,
    coalesce(t.failures, 0)::int as failures,
    coalesce(t.losses, 0)::int as losses,
    case when @held then k.claimed_at else t.started_at end as started_at,
    t.finished_at, t.error,
    k.progress -> k.index::text as progress
  from scanned k
  -- The limit keeps the planner from joining on less than the whole key. A task
  -- without a row has not ended.
  left join lateral (
    select *
    from tasks t
    where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = k.index
    limit 1
  ) t on true
  where coalesce(t.status, 'queued') = 'queued'
    and (k.count = 1 or coalesce(t.failures, 0) = 0)
  order by k.index
  limit @most
) f on true
