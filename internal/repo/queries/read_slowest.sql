-- Returns the tasks of a job that took longest, of those that have ended. It
-- reads all tasks of the job, which is acceptable for a rare request.
select s.name as stage, k.index, k.status::text as status, k.started_at, k.finished_at
from stages s
cross join lateral (
  select t.index, t.status, t.started_at, t.finished_at
  from tasks t
  where t.job_id = @job_id and t.stage = s.stage and t.gen = s.gen
    and t.index >= 0 and t.index < @until
    and t.started_at is not null
    and t.finished_at is not null
  order by t.finished_at - t.started_at desc, t.index
  limit @most
) k
where s.job_id = @job_id
  and s.completed + s.failed > 0
order by k.finished_at - k.started_at desc, s.stage, k.index
limit @most
