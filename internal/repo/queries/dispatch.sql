-- Dispatches the next tasks of stages whose window has room.
--
-- Guard: the stage is running and has that many tasks left. The caller has
-- locked the stages.
--
-- A sparse stage has counters that include tasks without a message. Its room is
-- what its messages leave of the window, and a range without open tasks gets no
-- message. A message for tasks that ran before a retry continues from their
-- highest attempt. Otherwise the fence would take new work for old.
--
-- Returns, for each stage, the new dispatched mark and whether a message was
-- written.
with
-- How many tasks to dispatch in each stage.
wanted as materialized (
  select k.job_id, k.stage, case when s.sparse then least(k.n, f.room) else k.n end as n
  from unnest(@job_ids::bytea[], @stages::smallint[], @counts::int[]) as k (job_id, stage, n)
  join stages s using (job_id, stage)
  cross join lateral (
    select
      case
        when sum(m.tasks_left) > 0
          then greatest(0, s.task_window - sum(m.tasks_left))::int / s.bundle * s.bundle
        else k.n
      end as room
    from messages m
    where s.sparse
      and m.job_id = s.job_id and m.stage = s.stage and m.gen = s.gen
      and m.kind = 2
  ) f
),
-- Moves the dispatched mark: the range from low to high is dispatched.
moved as (
  update stages s
  set dispatched = s.dispatched + k.n
  from wanted k
  where s.job_id = k.job_id
    and s.stage = k.stage
    and k.n > 0
    and s.status = 'running'
    and s.dispatched + k.n <= s.total
  returning
    s.job_id, s.stage, s.gen, s.queue, s.bundle, s.sparse,
    s.dispatched - k.n as low, s.dispatched as high
),
-- Splits the range into bundles.
bundles as materialized (
  select s.*, g as first, least(s.bundle, s.high - g) as count
  from moved s, generate_series(s.low, s.high - 1, s.bundle) g
),
-- Counts the open tasks of each bundle. A task without a row is open.
counted as (
  select b.*, b.count - o.ended as open, o.attempt
  from bundles b
  cross join lateral (
    select
      count(*) filter (where t.status <> 'queued') as ended,
      coalesce(max(t.attempt) filter (where t.status = 'queued'), 0) as attempt
    from tasks t
    where b.sparse
      and t.job_id = b.job_id and t.stage = b.stage and t.gen = b.gen
      and t.index >= b.first and t.index < b.first + b.count
  ) o
),
-- Writes a message for each bundle with an open task.
sent as (
  insert into messages (
    job_id, queue, kind, stage, gen, first, count, tasks_left, attempt, traceparent
  )
  select
    c.job_id, c.queue, 2, c.stage, c.gen, c.first, c.count, c.open, c.attempt, j.traceparent
  from counted c
  join jobs j using (job_id)
  where c.open > 0
  returning job_id, stage
)
select
  s.job_id, s.stage, s.high as dispatched,
  exists (select from sent where sent.job_id = s.job_id and sent.stage = s.stage) as any_sent
from moved s
