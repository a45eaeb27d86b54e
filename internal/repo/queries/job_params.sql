-- Returns what a process caches of a job. It never changes for one id.
select job_type, params::text as params
from jobs
where job_id = @job_id
