-- The tasks that a held message covers: its range, what has not ended, and of a bundle only what has never failed.
select index, failures, losses, input
from tasks
where job_id = @job_id and stage = @stage and gen = @gen and index >= @first and index < @first + @count
  and status = 'queued' and (@count = 1 or failures = 0)
order by index
