-- Ends planning: sets the total of the stage and deletes the plan message.
--
-- Guard: the plan message is the fence, and the stage is still being planned.
-- Returns the counters of the stage.
with
-- The fence.
fence as (
  delete from messages
  where job_id = @job_id
    and message_id = @message_id
    and worker_id = @worker
    and attempt = @attempt
  returning traceparent
),
-- Sets the total.
planned_stage as (
  update stages s
  set total = s.planned, bundle = @bundle, progressed_at = now()
  where s.job_id = @job_id
    and s.stage = @stage
    and s.gen = @gen
    and s.status = 'running'
    and s.total is null
    and exists (select from fence)
  returning *
)
select
  s.job_id, s.stage, s.name, s.total, s.dispatched,
  s.completed, s.failed, s.cancelled,
  s.task_window, s.bundle, s.tolerance, s.queue,
  0::bigint as landed, null::bigint[] as unsuccessful
from planned_stage s
