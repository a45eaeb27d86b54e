-- Starts stages whose inputs are computed from the index. It writes their
-- counters and messages in one statement. Their tasks have no rows before they
-- end.
--
-- Guard: the stage is waiting and has no pending dependency.
--
-- Returns the messages that this process claimed in the same statement: the
-- first ones of each stage, as many as takes says, unless the job is being
-- stopped.
with
-- The stages to start.
given as materialized (
  select *
  from unnest(
    @job_ids::bytea[], @stages::smallint[], @totals::int[], @bundles::int[], @takes::int[]
  ) as k (job_id, stage, total, bundle, take)
),
-- Starts them.
started as (
  update stages s
  set
    status = 'running',
    started_at = now(),
    progressed_at = now(),
    total = k.total,
    planned = k.total,
    dispatched = least(k.total, s.task_window),
    bundle = k.bundle
  from given k
  where s.job_id = k.job_id
    and s.stage = k.stage
    and s.status = 'waiting'
    and s.pending_dependencies = 0
  returning s.*, k.take
),
-- Logs an event for each.
logged as (
  insert into events (job_id, kind, stage, gen, detail)
  select job_id, 'stage_started', stage, gen, json_build_object('total', total)
  from started
),
-- Writes their task messages (kind 2), of which the first are claimed.
sent as (
  insert into messages (
    job_id, queue, kind, stage, gen,
    first, count, tasks_left,
    traceparent, worker_id, claimed_at, attempt
  )
  select
    s.job_id, s.queue, 2, s.stage, s.gen,
    b, least(s.bundle, s.dispatched - b), least(s.bundle, s.dispatched - b),
    j.traceparent, case when c.mine then @worker::uuid end,
    case when c.mine then clock_timestamp() end, c.mine::int
  from started s
  join jobs j using (job_id),
    generate_series(0, s.dispatched - 1, s.bundle) b,
    lateral (select b < s.take * s.bundle and j.cancel_requested_at is null as mine) c
  returning *
)
select
  m.job_id, m.message_id, m.queue, m.kind, m.stage, m.gen,
  m.first, m.count, m.tasks_left, m.attempt, m.losses,
  m.claimed_at, m.parked_since, coalesce(m.traceparent, '') as traceparent,
  j.incarnation, j.job_type, j.has_result,
  s.name as stage_name, s.task_type, s.kind as shape,
  s.depends_on, s.dependencies, s.finally,
  s.gen as stage_gen, s.planned, s.total,
  s.bundle, s.skip, coalesce(s.expected, -1) as expected,
  0 as source_total,
  coalesce(p.task_type, '') as source_type,
  coalesce(p.kind, '') as source_kind
from sent m
join started s using (job_id, stage)
join jobs j using (job_id)
left join lateral (
  select p.task_type, p.kind
  from stages p
  where p.job_id = s.job_id and p.stage = s.depends_on[1]
  offset 0
) p on true
where m.worker_id is not null
