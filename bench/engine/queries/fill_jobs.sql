-- Inserts jobs of one stage that ended $4 seconds ago.
insert into jobs (
  job_id, job_type, params, status, pending_stages,
  created_at, last_submitted_at, started_at, finished_at
)
select
  sha256(('fill ' || g)::bytea), 'wide', json_build_object('n', $3::int, 'seed', g), 'completed', 0,
  at, at, at, at
from generate_series($1::int, $2::int) g,
  lateral (select now() - make_interval(secs => $4::float8) as at) a
