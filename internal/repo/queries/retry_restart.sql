-- Resets stages to the start under a new generation: their results were made
-- from incomplete input, or were never made.
update stages s
set
  status = 'waiting',
  gen = s.gen + 1,
  pending_dependencies = k.pending_dependencies,
  total = null,
  planned = 0,
  dispatched = 0,
  completed = 0,
  failed = 0,
  cancelled = 0,
  sparse = false,
  earlier_runs = append_run(s.earlier_runs, s.first_claimed_at, s.finished_at),
  first_claimed_at = null,
  started_at = null,
  finished_at = null,
  error = null,
  progressed_at = now()
from unnest(@stages::smallint[], @pending_dependencies::smallint[])
  as k (stage, pending_dependencies)
where s.job_id = @job_id
  and s.stage = k.stage
