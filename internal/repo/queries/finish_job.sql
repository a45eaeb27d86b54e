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
  returning j.job_id, j.status, j.finished_at is not null as ended
),
-- Logs the end.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'job_ended', json_build_object('status', status)
  from finished
  where ended
)
select ended
from finished
