-- Asks for a job to be stopped. A repeat finds its own effect and counts as landed.
with j as (
  update jobs set cancel_requested_at = clock_timestamp(), version = version + 1
  where job_id = @job_id and status in ('queued', 'running') and cancel_requested_at is null
  returning job_id, traceparent
),
told as (
  insert into events (job_id, kind, detail) select job_id, 'cancel_requested', json_build_object('by', @by::text) from j
),
m as (
  insert into messages (job_id, queue, kind, traceparent) select job_id, 1, 4, traceparent from j
)
select status, cancel_requested_at is not null as stopping, exists (select from j) as asked,
       purge_started_at is not null as deleting
from jobs where job_id = @job_id
