-- Returns the running stages of a job without messages, and locks them in key
-- order.
select
  job_id, stage, name, coalesce(total, 0), dispatched,
  completed, failed, cancelled,
  task_window, bundle, tolerance, queue,
  0::bigint as landed, gen
from stages
where job_id = @job_id
  and status = 'running'
  and total is not null
order by stage
for no key update
