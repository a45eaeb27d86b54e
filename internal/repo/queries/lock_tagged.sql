-- Locks a job whose tags are about to change. The next statement of the
-- transaction reads the tags that every earlier change has left.
--
-- Guard: the job is not marked for deletion.
select job_id
from jobs
where job_id = @job_id
  and purge_started_at is null
for no key update
