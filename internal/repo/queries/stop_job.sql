-- Ends a job that is being stopped, and deletes its stop message. The job is
-- failed if it has an error, and cancelled otherwise. If it has finally stages
-- that have not begun, the trigger job_ends starts them instead.
--
-- Guard: the stop message is the fence. The job is open, is being stopped, and
-- has no message other than stop messages (kind 4). Returns whether it ended.
with
-- The fence.
fence as (
  delete from messages
  where job_id = @job_id
    and message_id = @message_id
    and worker_id = @worker
    and attempt = @attempt
  returning 1
),
-- Ends the job.
ended as (
  update jobs j
  set
    status = case when j.error is null then 'cancelled' else 'failed' end::job_status,
    finished_at = clock_timestamp(),
    version = j.version + 1
  where j.job_id = @job_id
    and j.finished_at is null
    and j.cancel_requested_at is not null
    and exists (select from fence)
    and not exists (select from messages o where o.job_id = j.job_id and o.kind <> 4)
  returning j.job_id, j.job_type, j.status, j.finished_at is not null as over
),
-- Logs the end.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'job_ended', json_build_object('status', status)
  from ended
  where over
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
  from ended
  where over
  group by job_type
  on conflict (minute, backend, job_type) do update
  set
    jobs_completed = t.jobs_completed + excluded.jobs_completed,
    jobs_with_errors = t.jobs_with_errors + excluded.jobs_with_errors,
    jobs_failed = t.jobs_failed + excluded.jobs_failed,
    jobs_cancelled = t.jobs_cancelled + excluded.jobs_cancelled
)
select over
from ended
