-- Ends planning: from here on the stage has a total, its first window is dispatched and the plan message is gone.
with m as (
  delete from messages
  where job_id = @job_id and message_id = @message_id and worker_id = @worker and attempt = @attempt
  returning traceparent
),
s as (
  update stages s
  set total = s.planned, bundle = @bundle, progressed_at = now()
  where s.job_id = @job_id and s.stage = @stage and s.gen = @gen and s.status = 'running' and s.total is null
    and exists (select from m)
  returning *
)
select s.job_id, s.stage, s.name, s.total, s.dispatched, s.completed, s.failed, s.cancelled, s.task_window, s.bundle,
       s.tolerance, s.queue, 0::bigint as landed, null::bigint[] as unsuccessful
from s
