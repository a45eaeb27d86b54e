-- Whether there is such a job, for lists that may be empty.
select exists (select from jobs where job_id = @job_id and purge_started_at is null)
