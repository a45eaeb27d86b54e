-- Returns the job status and what else a decision about the job needs. recent:
-- it was submitted within the last minute, so that retention does not end it
-- now.
select
  status, attempt,
  cancel_requested_at is not null and finished_at is null as stopping,
  purge_started_at is not null as deleting,
  last_submitted_at > now() - interval '1 minute' as recent,
  start_at
from jobs
where job_id = @job_id
