-- Copies the tasks of jobs in their first generation into generations 2 to $2.
insert into tasks (
  job_id, stage, gen, index, status, attempt,
  result, started_at, finished_at
)
select t.job_id, t.stage, g, t.index, t.status, t.attempt, t.result, t.started_at, t.finished_at
from tasks t,
  generate_series(2, $2::int) g
where t.job_id = any ($1::bytea[])
  and t.gen = 1
