-- Writes a finish message (kind 3) for a job whose stages have all ended, so
-- that its result function runs again.
insert into messages (job_id, queue, kind, traceparent)
select job_id, 1, 3, traceparent
from jobs
where job_id = @job_id
  and pending_stages = 0
