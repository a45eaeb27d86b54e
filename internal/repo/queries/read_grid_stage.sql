-- Returns what identifies a grid of a stage's tasks. A cached grid with the
-- same incarnation, generation and end time is still valid.
select j.incarnation, s.stage, s.gen, s.planned, s.finished_at
from stages s
join jobs j on j.job_id = s.job_id
where s.job_id = @job_id
  and s.name = @name
  and j.purge_started_at is null
