-- Returns whether a job is queued or running.
select exists (
  select
  from jobs
  where job_id = @job_id
    and status::text in ('queued', 'running')
)
