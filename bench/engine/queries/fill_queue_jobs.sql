-- Inserts running jobs 1 to $1 of one stage with $2 tasks.
insert into jobs (job_id, job_type, params, status, pending_stages, started_at)
select
  sha256(('queued ' || g)::bytea), 'wide', json_build_object('n', $2::int, 'seed', g),
  'running', 1, now()
from generate_series(1, $1::int) g
