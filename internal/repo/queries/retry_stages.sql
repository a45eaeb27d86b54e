-- Returns the stages of a job that is about to be retried, and locks them in
-- key order.
select
  stage, gen, kind, depends_on, status, coalesce(total, 0) as total,
  planned, completed, failed, cancelled,
  error is not null as broken,
  task_window, bundle, tolerance, queue, name, finally
from stages
where job_id = @job_id
order by stage
for no key update
