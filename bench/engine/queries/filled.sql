-- Returns how many of those jobs retention has not marked yet.
select count(*)
from jobs
where job_type = 'wide'
  and purge_started_at is null
