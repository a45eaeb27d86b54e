-- Inserts ended jobs $1 to $2, one a second, the first the newest. One in a
-- hundred has failed.
insert into jobs (
  job_id, job_type, params, status, pending_stages,
  created_at, last_submitted_at, started_at, finished_at, error
)
select
  sha256(('tagged ' || g)::bytea), 'wide', json_build_object('n', g % 1000, 'seed', g),
  case when g % 100 = 0 then 'failed' else 'completed' end::job_status, 0,
  at, at, at, at,
  case when g % 100 = 0 then '{"code": "permanent", "message": "no"}' end::json
from generate_series($1::int, $2::int) g,
  lateral (select $3::timestamptz - make_interval(secs => g) as at) a
