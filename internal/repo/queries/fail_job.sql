-- Puts a job on its way to failed: the same road as cancel. The first failure wins.
with j as (
  update jobs set error = @error::json, cancel_requested_at = clock_timestamp(), version = version + 1,
                  status = 'running', started_at = coalesce(started_at, now())
  where job_id = @job_id and status in ('queued', 'running') and cancel_requested_at is null
  returning job_id, traceparent
),
told as (
  insert into events (job_id, kind, detail) select job_id, 'job_failing', @error::json from j
)
insert into messages (job_id, queue, kind, traceparent) select job_id, 1, 4, traceparent from j
