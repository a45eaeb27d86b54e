-- Locks the finally stages of a job and the job, and returns whether its outcome
-- is decided, and whether a task of it may have run (ran): tasks were dispatched,
-- and the job was claimed before a stop was requested.
--
-- Guard: the message is the fence, and the job is open and not being stopped.
-- Locks: the message, stages in key order, the job.
with
-- The fence.
fence as materialized (
  select 1
  from messages
  where job_id = @job_id
    and message_id = @message_id
    and worker_id = @worker
    and attempt = @attempt
  for no key update
),
-- Locks the finally stages.
locked as materialized (
  select s.stage
  from stages s
  where s.job_id = @job_id
    and s.finally
    and exists (select from fence)
  order by s.stage
  for no key update of s
)
select
  j.outcome is not null as decided,
  coalesce(j.started_at < j.stop_requested_at, true)
    and exists (
      select
      from stages s
      where s.job_id = j.job_id
        and not s.finally
        and s.dispatched > 0
    ) as ran
from jobs j
where j.job_id = @job_id
  and j.finished_at is null
  and j.cancel_requested_at is null
  and (select count(*) from locked) > 0
for no key update of j
