-- Inserts jobs that do not exist, with their stages, and starts the stages
-- without dependencies as insert_graphs does. Jobs are inserted in the order
-- given, which is key order.
--
-- Some lists have one element for each job, the others one for each stage, in
-- order of jobs and stages. places says which job a stage belongs to. runs says
-- whether this process takes a message of the job, which then runs already.
--
-- Returns the jobs that did not exist, each with the messages that this process
-- claimed in the same statement, if any: the first ones of each stage, as many
-- as takes says.
with
-- The jobs that did not exist.
made as (
  insert into jobs (
    job_id, job_type, params, pending_stages, has_result, traceparent, status, started_at
  )
  select
    k.job_id, k.job_type, k.params::json, k.pending_stages, k.has_result,
    nullif(k.traceparent, ''),
    case when k.runs then 'running' else 'queued' end::job_status,
    case when k.runs then now() end
  from unnest(
    @job_ids::bytea[], @job_types::text[], @params::text[], @pending_stages::smallint[],
    @has_results::bool[], @traceparents::text[], @runs::bool[]
  ) as k (job_id, job_type, params, pending_stages, has_result, traceparent, runs)
  on conflict (job_id) do nothing
  returning job_id, incarnation, job_type, status
),
-- Their stages.
given as materialized (
  select
    (@job_ids::bytea[])[u.place] as job_id,
    nullif((@traceparents::text[])[u.place], '') as traceparent,
    coalesce(u.start_bundle, u.bundle) as per_message,
    least(coalesce(u.start_total, 0), u.task_window) as dispatched,
    u.start_total is not null or u.to_plan as starts,
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
  where (@job_ids::bytea[])[u.place] in (select job_id from made)
),
-- Writes the stage rows.
inserted as (
  insert into stages (
    job_id, stage, name, task_type, kind, queue,
    depends_on, dependencies, skip,
    expected, task_window, bundle, tolerance,
    pending_dependencies, status,
    total, planned, dispatched,
    started_at, progressed_at
  )
  select
    k.job_id, k.stage, k.name, k.task_type, k.kind, k.queue,
    k.depends_on::smallint[], k.dependencies::text[], k.skip,
    nullif(k.expected, -1), k.task_window, k.per_message, k.tolerance,
    cardinality(k.depends_on::smallint[]),
    case when k.starts then 'running' else 'waiting' end::stage_status,
    k.start_total, coalesce(k.start_total, 0), k.dispatched,
    case when k.starts then now() end, now()
  from given k
),
-- Logs an event for each job, and then one for each stage that starts.
logged as (
  insert into events (job_id, kind, stage, gen, detail)
  select k.job_id, 'created', null::smallint, null::int, json_build_object('by', k.by)
  from unnest(@job_ids::bytea[], @bys::text[]) as k (job_id, by)
  where k.job_id in (select job_id from made)
  union all
  select job_id, 'stage_started', stage, 1, json_build_object('total', start_total)
  from given
  where starts
),
-- Writes task messages (kind 2), of which the first are claimed, and plan
-- messages (kind 1).
sent as (
  insert into messages (
    job_id, queue, kind, stage, first, count, tasks_left,
    traceparent, worker_id, claimed_at, attempt
  )
  select
    k.job_id, k.queue, 2, k.stage,
    i, least(k.per_message, k.dispatched - i), least(k.per_message, k.dispatched - i),
    k.traceparent, case when c.mine then @worker::uuid end,
    case when c.mine then clock_timestamp() end, c.mine::int
  from given k,
    generate_series(0, k.dispatched - 1, k.per_message) i,
    lateral (select i < k.take * k.per_message as mine) c
  where k.start_total is not null
  union all
  select k.job_id, 1, 1, k.stage, 0, 1, 1, k.traceparent, null, null, 0
  from given k
  where k.start_total is null
    and k.starts
  returning job_id, stage, first, message_id, claimed_at
),
-- Counts the starts for the trends.
counted as (
  insert into trend_counts as t (minute, backend, job_type, jobs_started)
  select
    date_trunc('minute', clock_timestamp()), pg_backend_pid(), job_type,
    count(*)
  from made
  where status = 'running'
  group by job_type
  on conflict (minute, backend, job_type) do update
  set jobs_started = t.jobs_started + excluded.jobs_started
)
select j.job_id, j.incarnation, m.stage, m.first, m.message_id, m.claimed_at
from made j
left join sent m on m.job_id = j.job_id and m.claimed_at is not null
