-- Ends the stages of a job whose work has all ended, as the first step of the
-- end of a stop. Finally stages stay as they are, unless they are what is being
-- stopped.
--
-- Guard: the stop message is the fence, and the job has no message other than
-- stop messages (kind 4). Locks: the message, then stages in key order.
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
-- Locks the open stages.
locked as materialized (
  select s.job_id, s.stage
  from stages s
  where s.job_id = @job_id
    and s.status in ('waiting', 'running')
    and (
      not s.finally
      -- offset 0: without it, Postgres 18 can hash all jobs.
      or exists (
        select from jobs j where j.job_id = s.job_id and j.outcome is not null offset 0
      )
    )
    and exists (select from fence)
    and not exists (select from messages o where o.job_id = s.job_id and o.kind <> 4)
  order by s.stage
  for no key update
),
-- Ends them: as failed if they have an error or too many failed tasks, as
-- completed if all tasks have ended, and as cancelled otherwise. A stage that
-- was still being planned gets the error cut_off.
ended as (
  update stages s
  set
    status = case
      when s.status = 'running'
        and (
          s.error->>'code' is distinct from 'cancelled' and s.error is not null
          or s.failed > tolerated_failures(s.tolerance, s.planned)
        )
        then 'failed'
      when s.status = 'running'
        and s.error is null
        and s.total is not null
        and s.completed + s.failed + s.cancelled = s.total
        and s.cancelled = 0
        then 'completed'
      else 'cancelled'
    end::stage_status,
    total = case when s.status = 'running' then coalesce(s.total, s.planned) end,
    reopening = false,
    error = case
      when s.status = 'running' and s.total is null and not s.reopening
        then coalesce(s.error, @cut_off::json)
      else s.error
    end,
    finished_at = clock_timestamp()
  from locked l
  where s.job_id = l.job_id
    and s.stage = l.stage
  returning
    s.job_id, s.stage, s.gen, s.status, s.total, s.completed, s.failed, s.cancelled
)
insert into events (job_id, kind, stage, gen, detail)
select
  job_id, 'stage_ended', stage, gen,
  json_build_object(
    'status', status, 'total', total,
    'completed', completed, 'failed', failed, 'cancelled', cancelled
  )
from ended
