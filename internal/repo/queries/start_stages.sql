-- Starts stages whose inputs are pure and whose tasks are few: rows, counters and messages in one statement.
with k as materialized (
  select * from unnest(@job_ids::bytea[], @stages::smallint[], @totals::int[], @bundles::int[]) as k (job_id, stage, total, bundle)
),
s as (
  update stages s
  set status = 'running', started_at = now(), progressed_at = now(), total = k.total, planned = k.total,
      dispatched = least(k.total, s.task_window), bundle = k.bundle
  from k
  where s.job_id = k.job_id and s.stage = k.stage and s.status = 'waiting' and s.deps_left = 0
  returning s.job_id, s.stage, s.gen, s.queue, s.total, s.dispatched, s.bundle
),
t as (
  insert into tasks (job_id, stage, gen, index)
  select s.job_id, s.stage, s.gen, g from s, generate_series(0, s.total - 1) g
),
told as (
  insert into events (job_id, kind, stage, gen, detail)
  select job_id, 'stage_started', stage, gen, json_build_object('total', total) from s
)
insert into messages (job_id, queue, kind, stage, gen, first, count, tasks_left, traceparent)
select s.job_id, s.queue, 2, s.stage, s.gen, b, least(s.bundle, s.dispatched - b), least(s.bundle, s.dispatched - b), j.traceparent
from s join jobs j using (job_id), generate_series(0, s.dispatched - 1, s.bundle) b
