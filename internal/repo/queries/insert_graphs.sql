-- Writes the stage rows for one run of some jobs and starts the stages without
-- dependencies. A stage whose inputs can be computed (start_total) starts
-- immediately. Any other starts with a plan message (to_plan).
--
-- Some lists have one element for each job, the others one for each stage, in
-- order of jobs and stages. places says which job a stage belongs to.
--
-- Returns the messages that this process claimed in the same statement: the
-- first ones of each stage, as many as takes says.
with
-- The jobs.
graphs as materialized (
  select *
  from unnest(@job_ids::bytea[], @bys::text[], @traceparents::text[])
    with ordinality as g (job_id, by, traceparent, place)
),
-- Their stages.
given as materialized (
  select
    (@job_ids::bytea[])[u.place] as job_id,
    nullif((@traceparents::text[])[u.place], '') as traceparent,
    u.*
  from unnest(
    @places::int[], @stages::smallint[], @names::text[], @task_types::text[], @kinds::text[],
    @queues::smallint[], @depends_on::text[], @dependencies::text[], @skips::bool[],
    @expected::int[], @windows::int[], @bundles::int[], @tolerances::float8[],
    @start_totals::int[], @start_bundles::int[], @to_plan::bool[], @takes::int[]
  ) as u (
    place, stage, name, task_type, kind,
    queue, depends_on, dependencies, skip,
    expected, task_window, bundle, tolerance,
    start_total, start_bundle, to_plan, take
  )
),
-- Writes the stage rows.
inserted as (
  insert into stages (
    job_id, stage, gen, name, task_type, kind, queue,
    depends_on, dependencies, skip,
    expected, task_window, bundle, tolerance,
    pending_dependencies, status,
    total, planned, dispatched,
    started_at, progressed_at
  )
  select
    k.job_id, k.stage, @gen, k.name, k.task_type, k.kind, k.queue,
    k.depends_on::smallint[], k.dependencies::text[], k.skip,
    nullif(k.expected, -1), k.task_window, coalesce(k.start_bundle, k.bundle), k.tolerance,
    cardinality(k.depends_on::smallint[]),
    case
      when k.start_total is not null or k.to_plan then 'running' else 'waiting'
    end::stage_status,
    k.start_total, coalesce(k.start_total, 0), least(coalesce(k.start_total, 0), k.task_window),
    case when k.start_total is not null or k.to_plan then now() end, now()
  from given k
),
-- The stages that start now.
begun as materialized (
  select
    k.*,
    coalesce(k.start_bundle, k.bundle) as per_message,
    least(k.start_total, k.task_window) as dispatched
  from given k
  where k.start_total is not null
     or k.to_plan
),
-- Logs an event for each job, and then one for each stage that starts.
logged as (
  insert into events (job_id, kind, stage, gen, detail)
  select
    job_id, case when @gen = 1 then 'created' else 'rerun' end, null::smallint, null::int,
    json_build_object('by', by)
  from graphs
  union all
  select job_id, 'stage_started', stage, @gen, json_build_object('total', start_total)
  from begun
),
-- Writes task messages (kind 2), of which the first are claimed, and plan
-- messages (kind 1).
sent as (
  insert into messages (
    job_id, queue, kind, stage, gen,
    first, count, tasks_left,
    traceparent, worker_id, claimed_at, attempt
  )
  select
    b.job_id, b.queue, 2, b.stage, @gen,
    i, least(b.per_message, b.dispatched - i), least(b.per_message, b.dispatched - i),
    b.traceparent, case when c.mine then @worker::uuid end,
    case when c.mine then clock_timestamp() end, c.mine::int
  from begun b,
    generate_series(0, b.dispatched - 1, b.per_message) i,
    lateral (select i < b.take * b.per_message as mine) c
  where b.start_total is not null
  union all
  select
    b.job_id, 1, 1, b.stage, @gen,
    0, 1, 1,
    b.traceparent, null, null, 0
  from begun b
  where b.start_total is null
  returning *
),
-- The messages that this process claimed.
claimed as materialized (
  select *
  from sent
  where worker_id is not null
),
-- Marks their jobs as running.
running as (
  update jobs j
  set status = 'running', started_at = now(), version = version + 1
  from (select distinct job_id from claimed) m
  where j.job_id = m.job_id
  returning j.job_type
),
-- Counts the starts for the trends.
counted as (
  insert into trend_counts as t (minute, backend, job_type, jobs_started)
  select
    date_trunc('minute', clock_timestamp()), pg_backend_pid(), job_type,
    count(*)
  from running
  group by job_type
  on conflict (minute, backend, job_type) do update
  set jobs_started = t.jobs_started + excluded.jobs_started
)
select
  m.job_id, m.message_id, m.queue, m.kind, m.stage, m.gen,
  m.first, m.count, m.tasks_left, m.attempt, m.losses,
  m.claimed_at, m.parked_since, coalesce(m.traceparent, '') as traceparent,
  j.incarnation, j.job_type, j.has_result,
  b.name as stage_name, b.task_type, b.kind as shape,
  b.depends_on::smallint[] as depends_on, b.dependencies::text[] as dependencies,
  false as finally,
  m.gen as stage_gen, b.start_total as planned, b.start_total as total,
  b.per_message as bundle, b.skip, b.expected,
  0 as source_total, '' as source_type, '' as source_kind
from claimed m
join begun b using (job_id, stage)
join jobs j using (job_id)
