-- Lets a message of its own open the failed and cancelled tasks of a stage again: they are too many for one transaction. Until that
-- is done the stage has no total, and no task of it runs.
with s as (
  update stages s
  set status = 'running', reopening = true, sparse = true, total = null, dispatched = 0, finished_at = null, started_at = now(),
      progressed_at = now()
  where s.job_id = @job_id and s.stage = @stage and s.gen = @gen
  returning s.job_id, s.stage, s.gen
)
insert into messages (job_id, queue, kind, stage, gen, traceparent)
select s.job_id, 1, 5, s.stage, s.gen, j.traceparent from s join jobs j using (job_id)
