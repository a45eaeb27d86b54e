-- Inserts the tasks of those jobs, with results of 80 bytes.
insert into tasks (
  job_id, stage, gen, index, status, attempt,
  result, started_at, finished_at
)
select
  sha256(('fill ' || g)::bytea), 0, 1, i, 'completed', 1,
  convert_to(rpad(json_build_object('value', i, 'count', 1)::text, 80), 'UTF8'), at, at
from generate_series($1::int, $2::int) g,
  generate_series(0, $3::int - 1) i,
  lateral (select now() - make_interval(secs => $4::float8) as at) a
