-- Ends a job whose cancel is forced as cancelled, deletes the fence, and logs
-- what was done. The job ends without its finally stages. If they were running,
-- the trigger job_ends gives it the outcome that was decided.
--
-- Guard: the fence exists and is the last message of the job. The job is open
-- and is being stopped.
with
-- The fence.
fence as (
  delete from messages
  where job_id = @job_id
    and message_id = @message_id
    and dead_reason = @holder
    and not exists (
      select from messages o where o.job_id = @job_id and o.message_id <> @message_id
    )
  returning 1
),
-- Ends the job.
cancelled_job as (
  update jobs j
  set
    status = 'cancelled',
    outcome = case when j.finally_stages > 0 then coalesce(j.outcome, 'cancelled') end,
    finished_at = clock_timestamp(),
    version = j.version + 1
  where j.job_id = @job_id
    and j.finished_at is null
    and j.cancel_requested_at is not null
    and exists (select from fence)
  returning j.job_id, j.status
),
-- Logs what the forced cancel did.
logged as (
  insert into events (job_id, kind, detail)
  select
    job_id, 'cancel_forced',
    json_build_object(
      'by', @by::text,
      'messages', @messages::int, 'tasks', @tasks::int, 'repaired', @repaired::int
    )
  from cancelled_job
)
insert into events (job_id, kind, detail)
select job_id, 'job_ended', json_build_object('status', status)
from cancelled_job
