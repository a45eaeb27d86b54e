-- Locks an open job, so that one repair of it runs at a time.
select 1
from jobs
where job_id = @job_id
  and finished_at is null
for no key update
