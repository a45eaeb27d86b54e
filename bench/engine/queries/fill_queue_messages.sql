-- Inserts the messages of those jobs, one for each task.
insert into messages (job_id, queue, kind, stage, gen, first, count, tasks_left)
select sha256(('queued ' || g)::bytea), 2, 2, 0, 1, i, 1, 1
from generate_series(1, $1::int) g,
  generate_series(0, $2::int - 1) i
