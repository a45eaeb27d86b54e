-- Prepares a stage whose failed and cancelled tasks are too many to open in one
-- transaction. A reopen message (kind 5) opens them range by range. Until that
-- is done the stage has no total, and none of its tasks runs.
with
-- Marks the stage.
marked as (
  update stages s
  set
    status = 'running',
    reopening = true,
    sparse = true,
    total = null,
    dispatched = 0,
    earlier_runs = append_run(s.earlier_runs, s.first_claimed_at, s.finished_at),
    first_claimed_at = null,
    finished_at = null,
    started_at = now(),
    progressed_at = now()
  where s.job_id = @job_id
    and s.stage = @stage
    and s.gen = @gen
  returning s.job_id, s.stage, s.gen
)
-- Writes the reopen message.
insert into messages (job_id, queue, kind, stage, gen, traceparent)
select s.job_id, 1, 5, s.stage, s.gen, j.traceparent
from marked s
join jobs j using (job_id)
