-- Locks a schedule for a job outside its slots, and returns its last job.
--
-- Guard: the declaration is the one that the caller has read, and the running
-- build declares it.
select last_job_id
from schedules
where name = @name
  and declaration = @declaration
  and removed_at is null
for no key update
