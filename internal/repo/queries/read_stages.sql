-- Returns the stages of a job as a list of its tasks needs them: where the
-- tasks are, and how many there are of each status.
select s.stage, s.name, s.gen, s.planned, s.dispatched, s.completed, s.failed, s.cancelled
from stages s
join jobs j on j.job_id = s.job_id
where s.job_id = @job_id
  and j.purge_started_at is null
order by s.stage
