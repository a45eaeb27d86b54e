-- Ends the opening of tasks for a retry: sets the total of the stage again and
-- deletes the reopen message. Tasks below the first open one need no message.
--
-- Guard: the reopen message is the fence, and the stage is still being
-- reopened. Returns the counters of the stage.
with
-- The fence.
fence as (
  delete from messages
  where job_id = @job_id
    and message_id = @message_id
    and worker_id = @worker
    and attempt = @attempt
    and kind = 5
  returning 1
),
-- Sets the total, and moves the dispatched mark to the first open task.
opened as (
  update stages s
  set
    reopening = false,
    total = s.planned,
    progressed_at = now(),
    dispatched = coalesce(
      (
        select t.index
        from tasks t
        where t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen
          and t.status = 'queued'
        order by t.job_id, t.stage, t.gen, t.index
        limit 1
      ),
      s.planned
    )
  where s.job_id = @job_id
    and s.stage = @stage
    and s.gen = @gen
    and s.reopening
    and exists (select from fence)
  returning *
)
select
  s.job_id, s.stage, s.name, s.total, s.dispatched,
  s.completed, s.failed, s.cancelled,
  s.task_window, s.bundle, s.tolerance, s.queue,
  0::bigint as landed, null::bigint[] as unsuccessful
from opened s
