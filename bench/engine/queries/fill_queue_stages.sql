-- Inserts the stages of those jobs. All tasks are dispatched.
insert into stages (
  job_id, stage, name, task_type, kind, queue,
  depends_on, expected, bundle, pending_dependencies,
  status, total, planned, dispatched, progressed_at, started_at
)
select
  sha256(('queued ' || g)::bytea), 0, 'work', 'fixture_number', 'dynamic', 2,
  '{}', $2::int, 1, 0,
  'running', $2::int, $2::int, $2::int, now(), now()
from generate_series(1, $1::int) g
