-- What a process caches of a job: it never changes for an id.
select job_type, params::text as params from jobs where job_id = @job_id
