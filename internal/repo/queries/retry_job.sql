-- Starts the next attempt of a job that ended with undone work.
--
-- Guard: the status of the job, and that it is not marked for deletion. Returns
-- the new attempt.
with
-- Resets the job.
reset as (
  update jobs
  set
    status = 'queued',
    attempt = attempt + 1,
    pending_stages = @pending_stages,
    cancel_requested_at = null,
    outcome = null,
    start_at = null,
    started_at = null,
    finished_at = null,
    result = null,
    error = null,
    version = version + 1,
    last_submitted_at = now(),
    traceparent = coalesce(nullif(@traceparent, ''), traceparent)
  where job_id = @job_id
    and status in ('failed', 'cancelled', 'completed_with_errors')
    and purge_started_at is null
  returning job_id, attempt
),
-- Logs the retry.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'retried', json_build_object('by', @by::text, 'attempt', attempt)
  from reset
)
select attempt
from reset
