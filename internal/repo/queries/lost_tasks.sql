-- Frees task messages whose holder's lease has ended, in lock order. Every task that such a message covered has lost a worker,
-- and ends when it has lost too many. A bundle is broken into smaller ones, and at its second loss into single tasks, so that
-- a task that kills its process soon dies alone. A row that had been put back and claimed by the time it was locked is left alone: of a
-- row that has changed, only that it still has the same holder is asked again, and an ended lease stays ended.
with dead as materialized (
  select m.job_id, m.message_id, m.worker_id from messages m
  where m.worker_id is not null and m.kind = 2
    and not exists (select from workers w where w.worker_id = m.worker_id and w.lease_until > now())
  order by m.job_id, m.message_id
  limit @most
),
m as materialized (
  select m.* from dead d join messages m on m.job_id = d.job_id and m.message_id = d.message_id and m.worker_id = d.worker_id
  order by m.job_id, m.message_id
  for no key update of m skip locked
),
k as materialized ( -- a task without a row has not ended; where one comes after this statement began, the key refuses the insert
  select m.job_id, m.stage, m.gen, g.index, m.count, m.attempt, m.message_id, m.worker_id, m.claimed_at, t.index is null as fresh
  from m
  cross join lateral generate_series(m.first, m.first + m.count - 1) as g (index)
  left join lateral (
    select t.index from tasks t where t.job_id = m.job_id and t.stage = m.stage and t.gen = m.gen and t.index = g.index offset 0
  ) t on true
),
inserted as (
  insert into tasks (job_id, stage, gen, index, attempt, losses) select job_id, stage, gen, index, attempt, 1 from k where fresh
),
updated as (
  update tasks t
  set attempt = k.attempt, losses = t.losses + 1,
      status = case when t.losses + 1 >= @max_losses then 'failed' else 'queued' end::task_status,
      error = case when t.losses + 1 >= @max_losses then json_build_object('code', @lost_code::text, 'message', @lost_text::text)::text
                   else t.error end,
      finished_at = case when t.losses + 1 >= @max_losses then clock_timestamp() end
  from k
  where not k.fresh and t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index
    and t.status = 'queued' and t.attempt < k.attempt and (k.count = 1 or t.failures = 0)
  returning t.job_id, t.stage, t.gen, t.index, t.attempt, t.status, k.message_id, k.worker_id, k.claimed_at
),
t as materialized (
  select job_id, stage, gen, index, attempt, 'queued'::task_status as status, message_id, worker_id, claimed_at from k where fresh
  union all
  select * from updated
),
a as (
  insert into attempts (job_id, stage, gen, index, attempt, outcome, final, error, worker_id, started_at)
  select job_id, stage, gen, index, attempt, 'lost', status = 'failed', 'the process that ran it went away', worker_id, claimed_at
  from t
),
gone as (
  delete from messages x using m where x.job_id = m.job_id and x.message_id = m.message_id
),
piece as (
  select m.job_id, m.message_id, m.queue, m.stage, m.gen, m.attempt, m.losses, m.traceparent,
         m.first + (t.index - m.first) / p.size * p.size as first,
         least(p.size, m.count - (t.index - m.first) / p.size * p.size) as count,
         count(*) as open
  from m
  cross join lateral (select case when m.losses > 0 or m.count <= 16 then 1 else (m.count + 15) / 16 end as size) p
  join t using (job_id, message_id)
  where t.status = 'queued'
  group by m.job_id, m.message_id, m.queue, m.stage, m.gen, m.attempt, m.losses, m.traceparent, m.first, m.count, p.size,
           (t.index - m.first) / p.size
),
again as (
  insert into messages (job_id, queue, kind, stage, gen, first, count, tasks_left, attempt, losses, traceparent)
  select job_id, queue, 2, stage, gen, first, count, open, attempt, losses + 1, traceparent from piece
),
told as ( -- bounded: a line for each stage and process of a batch
  insert into events (job_id, kind, stage, gen, detail)
  select t.job_id, 'work_lost', t.stage, t.gen, json_build_object('tasks', count(*), 'failed', count(*) filter (where t.status = 'failed'),
         'worker', (select w.host || ' ' || w.pid from workers w where w.worker_id = t.worker_id))
  from t
  group by t.job_id, t.stage, t.gen, t.worker_id
),
by_stage as (
  select job_id, stage, count(*) as landed, count(*) filter (where status = 'failed') as failed from t group by job_id, stage
),
locked as materialized (
  select s.job_id, s.stage, s.failed + b.failed as failed, b.landed
  from by_stage b join stages s using (job_id, stage)
  order by s.job_id, s.stage
  for no key update of s
)
update stages s set failed = l.failed, progressed_at = now()
from locked l
where s.job_id = l.job_id and s.stage = l.stage
returning s.job_id, s.stage, s.name, s.total, s.dispatched, s.completed, s.failed, s.cancelled, s.task_window, s.bundle,
          s.tolerance, s.queue, l.landed, null::bigint[] as unsuccessful
