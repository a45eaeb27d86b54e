-- Dispatches the next tasks of stages whose window has room; the caller holds their rows. Of a sparse stage, whose counters hold tasks
-- that never had a message, the room is what its messages leave of the window, and a range without open tasks gets no message. A message of tasks that ran before a retry goes on
-- from their highest attempt, or the fence would take what runs under it for old.
with k as materialized (
  select k.job_id, k.stage, case when s.sparse then least(k.n, f.room) else k.n end as n
  from unnest(@job_ids::bytea[], @stages::smallint[], @counts::int[]) as k (job_id, stage, n)
  join stages s using (job_id, stage)
  cross join lateral (
    select case when sum(m.tasks_left) > 0 then greatest(0, s.task_window - sum(m.tasks_left))::int / s.bundle * s.bundle else k.n end as room
    from messages m
    where s.sparse and m.job_id = s.job_id and m.stage = s.stage and m.gen = s.gen and m.kind = 2
  ) f
),
s as (
  update stages s set dispatched = s.dispatched + k.n
  from k
  where s.job_id = k.job_id and s.stage = k.stage and k.n > 0 and s.status = 'running' and s.dispatched + k.n <= s.total
  returning s.job_id, s.stage, s.gen, s.queue, s.bundle, s.sparse, s.dispatched - k.n as low, s.dispatched as high
),
b as materialized (
  select s.*, g as first, least(s.bundle, s.high - g) as count from s, generate_series(s.low, s.high - 1, s.bundle) g
),
c as (
  select b.*, b.count - o.ended as open, o.attempt
  from b
  cross join lateral ( -- a task without a row is open
    select count(*) filter (where t.status <> 'queued') as ended, coalesce(max(t.attempt) filter (where t.status = 'queued'), 0) as attempt
    from tasks t
    where b.sparse and t.job_id = b.job_id and t.stage = b.stage and t.gen = b.gen
      and t.index >= b.first and t.index < b.first + b.count
  ) o
),
sent as (
  insert into messages (job_id, queue, kind, stage, gen, first, count, tasks_left, attempt, traceparent)
  select c.job_id, c.queue, 2, c.stage, c.gen, c.first, c.count, c.open, c.attempt, j.traceparent
  from c join jobs j using (job_id)
  where c.open > 0
  returning job_id, stage
)
select s.job_id, s.stage, s.high as dispatched,
       exists (select from sent where sent.job_id = s.job_id and sent.stage = s.stage) as any_sent
from s
