-- Returns what started and ended in steps of a period, by step and job type. It
-- includes counts that no sweep has added to the trends yet.
select
  floor(extract(epoch from minute - @from::timestamptz) / @step::float8)::int as step, job_type,
  sum(jobs_started)::bigint, sum(jobs_completed)::bigint, sum(jobs_with_errors)::bigint,
  sum(jobs_failed)::bigint, sum(jobs_cancelled)::bigint,
  sum(tasks_completed)::bigint, sum(tasks_failed)::bigint, sum(retries)::bigint
from (
  select
    minute, job_type, jobs_started,
    jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled,
    tasks_completed, tasks_failed, retries
  from trends
  where minute >= @from and minute < @until
  union all
  select
    minute, job_type, jobs_started,
    jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled,
    tasks_completed, tasks_failed, retries
  from trend_counts
  where minute >= @from and minute < @until
) t
where @job_type::text = '' or job_type = @job_type
group by 1, 2
order by 1, 2
