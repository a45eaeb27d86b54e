-- Returns the log lines of the attempts of one task, newest first. If the task
-- has none, it returns one row without an attempt. If the job, the stage or the
-- task does not exist, it returns nothing.
select l.attempt::int as attempt, l.logged_at, l.dropped::int as dropped, l.lines
from stages s
join jobs j on j.job_id = s.job_id and j.purge_started_at is null
left join lateral (
  select l.attempt, l.logged_at, l.dropped, l.lines
  from task_logs l
  where l.job_id = s.job_id and l.stage = s.stage and l.gen = s.gen and l.index = @index
    and l.incarnation = j.incarnation
  order by
    l.job_id desc, l.stage desc, l.gen desc, l.index desc, l.incarnation desc, l.attempt desc
  limit @most
) l on true
where s.job_id = @job_id
  and s.name = @stage
  and @index::int >= 0
  and @index::int < s.planned
