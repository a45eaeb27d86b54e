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
  returning j.job_id, j.job_type, j.status
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
),
-- Counts the end for the trends.
counted as (
  insert into trend_counts as t (
    minute, backend, job_type, jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled
  )
  select
    date_trunc('minute', clock_timestamp()), pg_backend_pid(), job_type,
    count(*) filter (where status = 'completed'),
    count(*) filter (where status = 'completed_with_errors'),
    count(*) filter (where status = 'failed'),
    count(*) filter (where status = 'cancelled')
  from cancelled_job
  group by job_type
  on conflict (minute, backend, job_type) do update
  set
    jobs_completed = t.jobs_completed + excluded.jobs_completed,
    jobs_with_errors = t.jobs_with_errors + excluded.jobs_with_errors,
    jobs_failed = t.jobs_failed + excluded.jobs_failed,
    jobs_cancelled = t.jobs_cancelled + excluded.jobs_cancelled
)
insert into events (job_id, kind, detail)
select job_id, 'job_ended', json_build_object('status', status)
from cancelled_job
