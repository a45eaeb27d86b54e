-- Makes the stage rows of one run and starts what has no dependency: at once where the tasks are few and their inputs pure
-- (start_total), else by a plan message (to_plan). The arrays have one element a stage, in order. As many messages of a stage as takes
-- says are claimed at once by this process; they are returned.
with k as materialized (
  select (n - 1)::smallint as stage, u.*
  from unnest(@names::text[], @task_types::text[], @kinds::text[], @queues::smallint[], @depends_on::text[], @skips::bool[],
              @expected::int[], @windows::int[], @bundles::int[], @tolerances::float8[], @start_totals::int[], @start_bundles::int[],
              @to_plan::bool[])
    with ordinality as u (name, task_type, kind, queue, depends_on, skip, expected, task_window, bundle, tolerance,
                          start_total, start_bundle, to_plan, n)
),
s as (
  insert into stages (job_id, stage, gen, name, task_type, kind, queue, depends_on, skip, expected, task_window, bundle,
                      tolerance, deps_left, status, total, planned, dispatched, started_at, progressed_at)
  select @job_id, k.stage, @gen, k.name, k.task_type, k.kind, k.queue, k.depends_on::smallint[], k.skip,
         nullif(k.expected, -1), k.task_window, coalesce(k.start_bundle, k.bundle), k.tolerance,
         cardinality(k.depends_on::smallint[]),
         case when k.start_total is not null or k.to_plan then 'running' else 'waiting' end::stage_status,
         k.start_total, coalesce(k.start_total, 0), least(coalesce(k.start_total, 0), k.task_window),
         case when k.start_total is not null or k.to_plan then now() end, now()
  from k
  returning *
),
t as (
  insert into tasks (job_id, stage, gen, index)
  select @job_id, s.stage, s.gen, g from s, generate_series(0, s.total - 1) g
),
told as (
  insert into events (job_id, kind, detail)
  values (@job_id, case when @gen = 1 then 'created' else 'rerun' end, json_build_object('by', @by::text))
  returning event_id
),
started as (
  insert into events (job_id, kind, stage, gen, detail)
  select @job_id, 'stage_started', s.stage, s.gen, json_build_object('total', s.total)
  from s, told -- told comes first on the timeline
  where s.status = 'running'
),
sent as (
  insert into messages (job_id, queue, kind, stage, gen, first, count, tasks_left, traceparent, worker_id, claimed_at, attempt)
  select @job_id, s.queue, 2, s.stage, s.gen, b, least(s.bundle, s.dispatched - b), least(s.bundle, s.dispatched - b),
         nullif(@traceparent, ''), case when c.mine then @worker::uuid end, case when c.mine then clock_timestamp() end, c.mine::int
  from s, generate_series(0, s.dispatched - 1, s.bundle) b,
       lateral (select b < (@takes::int[])[s.stage + 1] * s.bundle as mine) c
  where s.total is not null
  union all
  select @job_id, 1, 1, s.stage, s.gen, 0, 1, 1, nullif(@traceparent, ''), null, null, 0
  from s
  where s.status = 'running' and s.total is null
  returning *
),
begun as (
  update jobs set status = 'running', started_at = now(), version = version + 1
  where job_id = @job_id and exists (select from sent where worker_id is not null)
)
select m.job_id, m.message_id, m.queue, m.kind, m.stage, m.gen, m.first, m.count, m.tasks_left, m.attempt, m.losses,
       m.claimed_at, m.parked_since, coalesce(m.traceparent, '') as traceparent, j.job_type, j.has_result,
       s.name as stage_name, s.task_type, s.kind as shape, s.depends_on, s.gen as stage_gen, s.planned, s.total, s.bundle, s.skip,
       coalesce(s.expected, -1) as expected, 0 as source_total
from sent m join s using (job_id, stage) join jobs j using (job_id)
where m.worker_id is not null
