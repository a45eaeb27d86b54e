-- Requests that a job stops: marks it, logs an event and writes a stop message.
--
-- Guard: the job is open, its outcome is not decided, and no stop was requested.
-- A repeat finds its own effect and counts as landed.
--
-- Returns the status of the job before the statement, whether it was already
-- being stopped or deleted, whether this statement requested the stop, and the
-- outcome if finally stages run.
with
-- Marks the job.
marked as (
  update jobs
  set cancel_requested_at = clock_timestamp(), version = version + 1
  where job_id = @job_id
    and status in ('queued', 'running')
    and cancel_requested_at is null
    and outcome is null
  returning job_id, traceparent
),
-- Logs the request.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'cancel_requested', json_build_object('by', @by::text)
  from marked
),
-- Writes the stop message (kind 4).
stop_message as (
  insert into messages (job_id, queue, kind, traceparent)
  select job_id, 1, 4, traceparent
  from marked
)
select
  status,
  cancel_requested_at is not null as stopping,
  exists (select from marked) as asked,
  purge_started_at is not null as deleting,
  case when finished_at is null then coalesce(outcome::text, '') else '' end as outcome
from jobs
where job_id = @job_id
