-- Returns the unsuccessful attempts of one task, newest first. A worker whose
-- row was deleted has no name.
select
  a.attempt::int as attempt, a.outcome, a.final, a.error,
  coalesce(a.stack, '') as stack,
  coalesce(w.host || ' ' || w.pid, '') as worker,
  a.started_at, a.ended_at
from attempts a
left join workers w on w.worker_id = a.worker_id
where a.job_id = @job_id and a.stage = @stage and a.gen = @gen and a.index = @index
order by a.job_id desc, a.stage desc, a.gen desc, a.index desc, a.attempt desc
limit @most
