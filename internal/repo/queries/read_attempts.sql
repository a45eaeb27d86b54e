-- The unsuccessful attempts of one task, newest first.
select a.attempt::int as attempt, a.outcome, a.final, a.error, a.started_at, a.ended_at
from attempts a
where a.job_id = @job_id and a.stage = @stage and a.gen = @gen and a.index = @index
order by a.job_id desc, a.stage desc, a.gen desc, a.index desc, a.attempt desc
limit @most
