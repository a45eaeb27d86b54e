-- Ends stages and decrements pending_dependencies of the stages that wait for
-- them.
--
-- Guard: only a waiting or running stage ends. A stage that ends while it is
-- waiting was skipped, or has no tasks.
--
-- Locks: the stages that end, then the waiting stages in key order.
-- lock_dependents has locked all of them before.
--
-- Returns the stages that ended (ended is true), and the stages that can start
-- now, with the facts that decide how they start.
with
-- The stages to end, with the status of each.
given as materialized (
  select *
  from unnest(@job_ids::bytea[], @stages::smallint[], @statuses::text[])
    as k (job_id, stage, status)
),
-- Ends them.
newly_ended as (
  update stages s
  set
    status = k.status::stage_status,
    finished_at = clock_timestamp(),
    total = coalesce(s.total, s.planned),
    started_at = coalesce(s.started_at, now())
  from given k
  where s.job_id = k.job_id
    and s.stage = k.stage
    and s.status in ('waiting', 'running')
  returning
    s.job_id, s.stage, s.gen, s.status, s.total, s.completed, s.failed, s.cancelled
),
-- Logs an event for each.
logged as (
  insert into events (job_id, kind, stage, gen, detail)
  select
    job_id, 'stage_ended', stage, gen,
    json_build_object(
      'status', status, 'total', total,
      'completed', completed, 'failed', failed, 'cancelled', cancelled
    )
  from newly_ended
),
-- The stages that depend on them, with how many of their dependencies ended.
waiting as (
  select d.job_id, d.stage, count(*) as n
  from newly_ended e
  cross join lateral (
    select d.job_id, d.stage
    from stages d
    where d.job_id = e.job_id
      and d.status = 'waiting'
      and d.pending_dependencies > 0
      and e.stage = any (d.depends_on)
    offset 0
  ) d
  group by d.job_id, d.stage
  order by d.job_id, d.stage
),
-- Locks those stages in key order and computes their new pending_dependencies.
locked as materialized (
  select w.job_id, w.stage, d.pending_dependencies - w.n as pending_dependencies
  from waiting w
  cross join lateral (
    select d.pending_dependencies, d.status
    from stages d
    where d.job_id = w.job_id and d.stage = w.stage
    offset 0
    for no key update
  ) d
  where d.status = 'waiting'
),
-- Writes pending_dependencies.
lowered as (
  update stages d
  set pending_dependencies = l.pending_dependencies
  from locked l
  where d.job_id = l.job_id
    and d.stage = l.stage
  returning
    d.job_id, d.stage, d.pending_dependencies, d.kind, d.skip, d.expected,
    d.queue, d.task_type, d.bundle, d.depends_on
)
select
  job_id, stage, true as ended,
  '' as kind, false as skip, -1 as expected, 0::smallint as queue, '' as task_type, 0 as bundle,
  0 as source_total, false as source_clean
from newly_ended
union all
select
  w.job_id, w.stage, false,
  w.kind, w.skip, coalesce(w.expected, -1), w.queue, w.task_type, w.bundle,
  coalesce(p.total, 0), coalesce(p.failed + p.cancelled = 0, true)
from lowered w
left join stages p on p.job_id = w.job_id and p.stage = w.depends_on[1]
where w.pending_dependencies = 0
