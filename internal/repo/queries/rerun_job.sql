-- Starts a run of a job that has ended, from the beginning; its stage rows go with it and the highest gen is returned.
with locked as materialized ( -- before the job, as a retry does
  select stage from stages where job_id = @job_id order by stage for update
),
j as (
  update jobs
  set status = 'queued', attempt = attempt + 1, stages_left = @stages_left, has_result = @has_result, cancel_requested_at = null,
      started_at = null, finished_at = null, result = null, error = null, version = version + 1, last_submitted_at = now(),
      traceparent = nullif(@traceparent, '')
  where job_id = @job_id and status::text = any (@from::text[]) and purge_started_at is null and (select count(*) from locked) >= 0
    and (@limit::int = 0
         or (select count(*) from (select 1 from jobs o where o.status in ('queued', 'running') limit @limit) o) < @limit::int)
  returning attempt
),
m as (
  delete from messages where job_id = @job_id and exists (select from j)
),
s as (
  delete from stages where job_id = @job_id and exists (select from j) returning gen
)
select j.attempt, coalesce((select max(gen) from s), 0) as gen from j
