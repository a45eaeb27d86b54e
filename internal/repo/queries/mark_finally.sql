-- Marks the finally stages of new jobs, after insert_graphs in the same
-- transaction. They are the last stages of their jobs, from the number first on.
-- Each waits with one pending dependency more than it has: the outcome of the
-- job.
--
-- Locks: stages and jobs that this transaction has written.
with
-- The jobs.
given as materialized (
  select *
  from unnest(@job_ids::bytea[], @firsts::smallint[], @counts::smallint[])
    as k (job_id, first, n)
),
-- Marks their stages.
marked as (
  update stages s
  set finally = true, pending_dependencies = s.pending_dependencies + 1
  from given g
  where s.job_id = g.job_id
    and s.stage >= g.first
)
update jobs j
set finally_stages = g.n
from given g
where j.job_id = g.job_id
