-- Adds the counts of past minutes to the trends. Counts of a transaction that
-- commits after its minute was added are added by the next call.
--
-- Guard: a row of trend_counts is deleted in the statement that adds it, so it
-- is added once. Rows that another transaction has locked are left for the next
-- call, so a repeat and a concurrent call change nothing else.
--
-- Locks: trend_counts without waiting, then trends in key order. Returns one row
-- for each row that was added.
with
-- The rows to add.
past as materialized (
  select minute, backend, job_type
  from trend_counts
  where minute < date_trunc('minute', clock_timestamp())
  order by minute, backend, job_type
  limit @most
  for update skip locked
),
-- Deletes them.
taken as (
  delete from trend_counts c
  using past p
  where c.minute = p.minute
    and c.backend = p.backend
    and c.job_type = p.job_type
  returning c.*
),
-- Adds them.
added as (
  insert into trends as t (
    minute, job_type, jobs_started,
    jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled,
    tasks_completed, tasks_failed, retries
  )
  select
    minute, job_type, sum(jobs_started),
    sum(jobs_completed), sum(jobs_with_errors), sum(jobs_failed), sum(jobs_cancelled),
    sum(tasks_completed), sum(tasks_failed), sum(retries)
  from taken
  group by minute, job_type
  order by minute, job_type
  on conflict (minute, job_type) do update
  set
    jobs_started = t.jobs_started + excluded.jobs_started,
    jobs_completed = t.jobs_completed + excluded.jobs_completed,
    jobs_with_errors = t.jobs_with_errors + excluded.jobs_with_errors,
    jobs_failed = t.jobs_failed + excluded.jobs_failed,
    jobs_cancelled = t.jobs_cancelled + excluded.jobs_cancelled,
    tasks_completed = t.tasks_completed + excluded.tasks_completed,
    tasks_failed = t.tasks_failed + excluded.tasks_failed,
    retries = t.retries + excluded.retries
)
select 1
from taken
