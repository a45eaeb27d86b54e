-- Returns whether a job exists. Lists that can be empty ask for it.
select exists (
  select
  from jobs
  where job_id = @job_id
    and purge_started_at is null
)
