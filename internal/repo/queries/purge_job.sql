-- Deletes the job and its stages, last of all; what it had besides is gone.
with m as (delete from messages where job_id = @job_id)
delete from jobs where job_id = @job_id and purge_started_at is not null
