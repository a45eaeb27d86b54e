-- Tasks of an idle job's stage that have not ended, below the dispatched mark: they need messages of their own again.
with t as (
  select t.index, t.attempt from tasks t
  where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index < @dispatched and t.status = 'queued'
  order by t.index limit @most
)
insert into messages (job_id, queue, kind, stage, gen, first, attempt)
select @job_id, @queue, 2, @stage, @gen, index, attempt from t
