-- Returns what started and ended in the hour before a time, and in the same hour
-- of the days before. It includes counts that no sweep has added to the trends
-- yet. waiting and oldest are the highest of all queues; null: no sweep ran.
select d.day, t.*, q.waiting, q.oldest
from generate_series(0, @days::int) as d (day)
cross join lateral (
  select
    @until::timestamptz - make_interval(hours => d.day * 24 + 1) as "from",
    @until::timestamptz - make_interval(hours => d.day * 24) as until
) h
cross join lateral (
  select
    coalesce(sum(jobs_started), 0)::bigint, coalesce(sum(jobs_completed), 0)::bigint,
    coalesce(sum(jobs_with_errors), 0)::bigint, coalesce(sum(jobs_failed), 0)::bigint,
    coalesce(sum(jobs_cancelled), 0)::bigint, coalesce(sum(tasks_completed), 0)::bigint,
    coalesce(sum(tasks_failed), 0)::bigint, coalesce(sum(retries), 0)::bigint
  from (
    select
      job_type, jobs_started, jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled,
      tasks_completed, tasks_failed, retries
    from trends
    where minute >= h."from" and minute < h.until
    union all
    select
      job_type, jobs_started, jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled,
      tasks_completed, tasks_failed, retries
    from trend_counts
    where minute >= h."from" and minute < h.until
  ) t
  where @job_type::text = '' or job_type = @job_type
) t
cross join lateral (
  select max(waiting) as waiting, max(oldest_seconds) as oldest
  from queue_trends
  where minute >= h."from" and minute < h.until
) q
order by d.day
