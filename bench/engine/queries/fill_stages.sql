-- Inserts the stages of those jobs, with $3 tasks each.
insert into stages (
  job_id, stage, name, task_type, kind, queue,
  depends_on, expected, bundle, pending_dependencies,
  status, total, planned, dispatched, completed,
  progressed_at, started_at, finished_at
)
select
  sha256(('fill ' || g)::bytea), 0, 'work', 'fixture_number', 'dynamic', 2,
  '{}', $3::int, 100, 0,
  'completed', $3::int, $3::int, $3::int, $3::int,
  at, at, at
from generate_series($1::int, $2::int) g,
  lateral (select now() - make_interval(secs => $4::float8) as at) a
