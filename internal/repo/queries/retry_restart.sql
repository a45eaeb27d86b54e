-- Resets stages to the start under a new generation: their results were made
-- from incomplete input, or were never made.
update stages s
set
  status = 'waiting',
  gen = s.gen + 1,
  deps_left = k.deps_left,
  total = null,
  planned = 0,
  dispatched = 0,
  completed = 0,
  failed = 0,
  cancelled = 0,
  sparse = false,
  started_at = null,
  finished_at = null,
  error = null,
  progressed_at = now()
from unnest(@stages::smallint[], @deps_left::smallint[]) as k (stage, deps_left)
where s.job_id = @job_id
  and s.stage = k.stage
