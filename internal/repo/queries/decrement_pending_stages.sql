-- Decrements pending_stages of jobs by the number of stages that ended. A job
-- that reaches 0 ends, or gets a finish message if it has a result function. A
-- job that is being stopped is ended by its stop message instead.
--
-- If only finally stages are left, the outcome is decided: the job ends, or gets
-- a message that computes the result, and the trigger job_ends starts the
-- finally stages.
--
-- Locks: jobs in the order given, which is key order; lock_jobs has locked them
-- before.
--
-- Returns for each job whether it ended (ends), and whether it has a message now
-- that ends it (finishes).
with
-- Locks the jobs and computes their new pending_stages.
locked as materialized (
  select
    k.job_id, j.pending_stages - k.n as left, j.finally_stages,
    j.outcome is not null as decided,
    j.has_result and j.outcome is null as computes,
    j.cancel_requested_at is not null as stopping
  from unnest(@job_ids::bytea[], @ended::int[]) as k (job_id, n)
  cross join lateral (
    select
      j.pending_stages, j.finally_stages, j.outcome, j.has_result, j.cancel_requested_at
    from jobs j
    where j.job_id = k.job_id
    offset 0
    for no key update
  ) j
),
-- Decides whether each job ends, and with which status. due: the last stage that
-- counts has ended.
fate as materialized (
  select
    l.*,
    l.due and not l.computes as ends,
    case
      when (select sum(s.failed) from stages s where s.job_id = l.job_id) > 0
        then 'completed_with_errors'
      else 'completed'
    end::job_status as last
  from (
    select
      l.*,
      not l.stopping
        and l.left = case when l.decided then 0 else l.finally_stages end as due
    from locked l
  ) l
),
-- Writes the jobs.
written as (
  update jobs j
  set
    pending_stages = f.left,
    version = j.version + 1,
    status = case when f.ends then f.last else 'running' end,
    started_at = coalesce(j.started_at, now()),
    finished_at = case when f.ends then clock_timestamp() end
  from fate f
  where j.job_id = f.job_id
  returning
    j.job_id, j.job_type, j.status, j.finally_stages, j.traceparent,
    j.finished_at is not null as ends,
    f.due and j.finished_at is null as finishes,
    f.due and f.computes as computes
),
-- Logs the end of each job that ended.
logged as (
  insert into events (job_id, kind, detail)
  select j.job_id, 'job_ended', json_build_object('status', j.status)
  from written j
  where j.ends
),
-- Counts the ends for the trends.
counted as (
  insert into trend_counts as t (
    minute, backend, job_type, jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled
  )
  select
    date_trunc('minute', clock_timestamp()), pg_backend_pid(), job_type,
    count(*) filter (where status = 'completed'),
    count(*) filter (where status = 'completed_with_errors'),
    count(*) filter (where status = 'failed'),
    count(*) filter (where status = 'cancelled')
  from written
  where ends
  group by job_type
  on conflict (minute, backend, job_type) do update
  set
    jobs_completed = t.jobs_completed + excluded.jobs_completed,
    jobs_with_errors = t.jobs_with_errors + excluded.jobs_with_errors,
    jobs_failed = t.jobs_failed + excluded.jobs_failed,
    jobs_cancelled = t.jobs_cancelled + excluded.jobs_cancelled
),
-- Writes the finish messages (kind 3; kind 6 if there are finally stages).
finish_messages as (
  insert into messages (job_id, queue, kind, traceparent)
  select job_id, 1, case when finally_stages > 0 then 6 else 3 end, traceparent
  from written
  where computes
)
select job_id, ends, finishes
from written
