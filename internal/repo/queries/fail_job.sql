-- Makes a job fail: records the error and stops the job the way a cancel does.
--
-- Guard: the job is open and not being stopped, so the first failure wins. If
-- the outcome is decided, the finally stages are stopped, and the trigger
-- job_ends keeps the error of the job.
with
-- Marks the job.
marked as (
  update jobs
  set
    error = @error::json,
    cancel_requested_at = clock_timestamp(),
    version = version + 1,
    status = 'running',
    started_at = coalesce(started_at, now())
  where job_id = @job_id
    and status in ('queued', 'running')
    and cancel_requested_at is null
  returning job_id, traceparent
),
-- Logs the failure.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'job_failing', @error::json
  from marked
)
-- Writes the stop message (kind 4).
insert into messages (job_id, queue, kind, traceparent)
select job_id, 1, 4, traceparent
from marked
