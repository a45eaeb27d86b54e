-- Ends a job with its result and deletes the finish message. If the job has
-- finally stages, the trigger job_ends starts them instead.
--
-- Guard: the finish message is the fence. The job is running, all its stages
-- except finally stages have ended, its outcome is not decided, and it is not
-- being stopped.
--
-- Returns whether the job ended.
with
-- The fence. It is deleted in this transaction.
fence as (
  delete from messages
  where job_id = @job_id
    and message_id = @message_id
    and worker_id = @worker
    and attempt = @attempt
  returning 1
),
-- Ends the job.
finished as (
  update jobs j
  set
    status = case
      when (select sum(s.failed) from stages s where s.job_id = j.job_id) > 0
        then 'completed_with_errors'
      else 'completed'
    end::job_status,
    result = @result,
    finished_at = clock_timestamp(),
    version = j.version + 1
  where j.job_id = @job_id
    and j.status = 'running'
    and j.pending_stages = j.finally_stages
    and j.outcome is null
    and j.cancel_requested_at is null
    and exists (select from fence)
  returning j.job_id, j.job_type, j.status, j.finished_at is not null as ended
),
-- Logs the end.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'job_ended', json_build_object('status', status)
  from finished
  where ended
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
  from finished
  where ended
  group by job_type
  on conflict (minute, backend, job_type) do update
  set
    jobs_completed = t.jobs_completed + excluded.jobs_completed,
    jobs_with_errors = t.jobs_with_errors + excluded.jobs_with_errors,
    jobs_failed = t.jobs_failed + excluded.jobs_failed,
    jobs_cancelled = t.jobs_cancelled + excluded.jobs_cancelled
)
select ended
from finished
