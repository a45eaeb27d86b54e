-- Writes the messages that stages of a job without messages need: a plan
-- message (kind 1) for a stage that is being planned, or that could start and
-- did not, and a reopen message (kind 5) for a stage whose tasks a retry is
-- opening.
with
-- The stages.
stalled as (
  update stages s
  set status = 'running', started_at = coalesce(s.started_at, now())
  where s.job_id = @job_id
    and (
      s.status = 'running' and s.total is null
      or s.status = 'waiting' and s.pending_dependencies = 0
    )
  returning s.job_id, s.stage, s.gen, s.reopening
)
insert into messages (job_id, queue, kind, stage, gen)
select job_id, 1, case when reopening then 5 else 1 end, stage, gen
from stalled
