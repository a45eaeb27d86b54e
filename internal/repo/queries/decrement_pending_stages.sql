-- Decrements pending_stages of jobs by the number of stages that ended. A job
-- that reaches 0 ends, or gets a finish message if it has a result function. A
-- job that is being stopped is ended by its stop message instead.
--
-- Locks: jobs in the order given, which is key order; lock_jobs has locked them
-- before.
--
-- Returns for each job whether it ended (ends) or its result function runs
-- (finishes).
with
-- Locks the jobs and computes their new pending_stages.
locked as materialized (
  select
    k.job_id, j.pending_stages - k.n as left, j.has_result,
    j.cancel_requested_at is not null as stopping
  from unnest(@job_ids::bytea[], @ended::int[]) as k (job_id, n)
  cross join lateral (
    select j.pending_stages, j.has_result, j.cancel_requested_at
    from jobs j
    where j.job_id = k.job_id
    offset 0
    for no key update
  ) j
),
-- Decides whether each job ends, and with which status.
fate as materialized (
  select
    l.*,
    l.left = 0 and not l.has_result and not l.stopping as ends,
    case
      when (select sum(s.failed) from stages s where s.job_id = l.job_id) > 0
        then 'completed_with_errors'
      else 'completed'
    end::job_status as last
  from locked l
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
    j.job_id, j.status, f.ends,
    f.left = 0 and f.has_result and not f.stopping as finishes,
    j.traceparent
),
-- Logs the end of each job that ended.
logged as (
  insert into events (job_id, kind, detail)
  select j.job_id, 'job_ended', json_build_object('status', j.status)
  from written j
  where j.ends
),
-- Writes the finish messages (kind 3).
finish_messages as (
  insert into messages (job_id, queue, kind, traceparent)
  select job_id, 1, 3, traceparent
  from written
  where finishes
)
select job_id, ends, finishes
from written
