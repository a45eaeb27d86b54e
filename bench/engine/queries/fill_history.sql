-- Inserts the stages and the events of the jobs of fill_tagged: two stages with
-- 10 tasks each, and six events.
with
-- The jobs.
given as materialized (
  select job_id, created_at as at
  from jobs
  where job_id = any (array (
    select sha256(('tagged ' || g)::bytea)
    from generate_series($1::int, $2::int) g
  ))
),
-- Their stages.
staged as (
  insert into stages (
    job_id, stage, name, task_type, kind, queue,
    depends_on, expected, bundle, pending_dependencies,
    status, total, planned, dispatched, completed,
    progressed_at, started_at, finished_at
  )
  select
    g.job_id, s, case s when 0 then 'work' else 'after' end, 'fixture_number', 'dynamic', 2,
    '{}', 10, 10, 0,
    'completed', 10, 10, 10, 10,
    g.at, g.at, g.at
  from given g,
    generate_series(0, 1) s
)
insert into events (job_id, at, kind, stage, gen)
select g.job_id, g.at, e.kind, e.stage, e.gen
from given g
cross join (
  values
    ('created', null::int, null::int), ('stage_started', 0, 1), ('stage_ended', 0, 1),
    ('stage_started', 1, 1), ('stage_ended', 1, 1), ('job_ended', null, null)
) e (kind, stage, gen)
