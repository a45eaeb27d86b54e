-- Tasks of an idle job's stage that have not ended, below the dispatched mark: they need messages of their own again.
with t as (
  select g.index, coalesce(t.attempt, 0) as attempt, coalesce(t.losses, 0) as losses
  from generate_series(0, @dispatched::int - 1) as g (index)
  left join lateral ( -- offset 0: one look-up by the whole key each
    select * from tasks t where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = g.index offset 0
  ) t on true
  where coalesce(t.status, 'queued') = 'queued'
  limit @most -- in no order that would have to look at all first
)
insert into messages (job_id, queue, kind, stage, gen, first, attempt, losses)
select @job_id, @queue, 2, @stage, @gen, index, attempt, losses from t
