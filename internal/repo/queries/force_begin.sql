-- Begins the forced cancel of an open job. The job is marked as being stopped,
-- and a retry will run its running stages from the start.
--
-- A dead stop message that is due when hold has passed is the fence of the
-- steps that follow. The fence of another forced cancel is not touched: the
-- last one to begin wins.
--
-- Guard: the job is open. Returns the id of the fence.
with
-- Locks the running stages, before the job as everywhere.
running as materialized (
  select s.stage
  from stages s
  where s.job_id = @job_id
    and s.status = 'running'
    and exists (
      select
      from jobs j
      where j.job_id = @job_id
        and j.finished_at is null
    )
  order by s.stage
  for no key update of s
),
-- Marks the job.
marked as (
  update jobs
  set
    cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
    version = version + 1,
    status = 'running',
    started_at = coalesce(started_at, now())
  where job_id = @job_id
    and finished_at is null
    and (select count(*) from running) >= 0
  returning job_id, traceparent
),
-- Marks the stages in the first transaction. If this cancel is interrupted, an
-- ordinary stop ends the job, and a retry must not rely on the counters.
cut_off as (
  update stages s
  set error = coalesce(s.error, @cut_off::json)
  from running r
  where s.job_id = @job_id
    and s.stage = r.stage
    and exists (select from marked)
),
-- Logs the request.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'cancel_requested', json_build_object('by', @by::text, 'force', true)
  from marked
)
-- Writes the fence.
insert into messages (job_id, queue, kind, traceparent, dead_reason, due_at)
select job_id, 1, 4, traceparent, @holder, now() + make_interval(secs => @hold)
from marked
returning message_id
