-- Requeues task messages of one holder whose lease has ended: those listed, in lock order, and of each the tasks from first to below.
-- Every task that was requeued has lost a worker, and ends when it has lost too many. A bundle is broken into smaller ones, and at
-- its second loss into single tasks, so that a task that kills its process soon dies alone.
-- The holder's row is locked first, so that a renewal that is under way either lands before this looks, or finds the lease ended. A
-- message that was released and claimed again since it was listed has another holder and is left alone. A repeat finds nothing.
-- All that are listed have one attempt. Each task carries what is needed of its message, and rows are updated by their place in the table:
-- a join of two lists would compare each with each, and so would a plan that was made while the table was small.
with holder as materialized (
  select 1
  from (select @worker::uuid as worker_id) k
  left join lateral (
    select w.lease_until from workers w where w.worker_id = k.worker_id offset 0 for share
  ) w on true
  where w.lease_until is null or w.lease_until <= clock_timestamp()
),
m as materialized (
  select m.*, least(m.first + m.count, k.below) as below,
         case when m.losses > 0 or m.count <= 16 then 1 else (m.count + 15) / 16 end as size
  from unnest(@job_ids::bytea[], @message_ids::bigint[], @firsts::int[], @below::int[]) as k (job_id, message_id, first, below)
  cross join lateral (
    select m.* from messages m
    where m.job_id = k.job_id and m.message_id = k.message_id
    offset 0
    for no key update skip locked
  ) m
  where exists (select from holder) and m.worker_id = @worker and m.attempt = @attempt and m.kind = 2 and m.first = k.first
),
k as materialized ( -- a task without a row has not ended; where one comes after this statement began, the key refuses the insert
  select m.job_id, m.stage, m.gen, g.index, m.message_id, m.queue, m.losses, m.panics, m.traceparent, m.claimed_at, m.below, m.size,
         m.first + (g.index - m.first) / m.size * m.size as piece, t.place,
         case when t.losses + 1 >= @max_losses then 'failed' else 'queued' end::task_status as status
  from m
  cross join lateral generate_series(m.first, m.below - 1) as g (index)
  left join lateral (
    select t.ctid as place, t.status, t.attempt, t.failures, t.losses from tasks t
    where t.job_id = m.job_id and t.stage = m.stage and t.gen = m.gen and t.index = g.index
    offset 0
    for no key update
  ) t on true
  where t.place is null or t.status = 'queued' and t.attempt < m.attempt and (m.count = 1 or t.failures = 0)
),
inserted as (
  insert into tasks (job_id, stage, gen, index, attempt, losses) select job_id, stage, gen, index, @attempt, 1 from k where place is null
),
updated as (
  update tasks t
  set attempt = @attempt, losses = t.losses + 1,
      status = case when t.losses + 1 >= @max_losses then 'failed' else 'queued' end::task_status,
      error = case when t.losses + 1 >= @max_losses then json_build_object('code', @lost_code::text, 'message', @lost_text::text)::text
                   else t.error end,
      finished_at = case when t.losses + 1 >= @max_losses then clock_timestamp() end
  where t.ctid = any (array (select place from k where place is not null))
),
a as (
  insert into attempts (job_id, stage, gen, index, attempt, outcome, final, error, worker_id, started_at)
  select job_id, stage, gen, index, @attempt, 'lost', status = 'failed', 'the process that ran it went away', @worker, claimed_at
  from k
),
parted as materialized ( -- what is not below its limit stays with the holder, for the next transaction
  select m.job_id, m.message_id, m.below, m.first + m.count - m.below as count,
         m.tasks_left - (select count(*) from k where k.message_id = m.message_id) as left
  from m where m.below < m.first + m.count
),
kept as (
  update messages x set first = p.below, count = p.count, tasks_left = p.left
  from parted p where x.job_id = p.job_id and x.message_id = p.message_id and p.left > 0
),
over as (
  select job_id, message_id from m where m.below = m.first + m.count
  union all
  select job_id, message_id from parted where parted.left <= 0
),
gone as (
  delete from messages x using over where x.job_id = over.job_id and x.message_id = over.message_id
),
again as (
  insert into messages (job_id, queue, kind, stage, gen, first, count, tasks_left, attempt, losses, panics, traceparent)
  select job_id, queue, 2, stage, gen, piece, least(size, below - piece), count(*), @attempt, losses + 1, panics, traceparent
  from k
  where status = 'queued'
  group by job_id, message_id, queue, stage, gen, piece, size, below, losses, panics, traceparent
),
told as ( -- bounded: a line for each stage of a batch
  insert into events (job_id, kind, stage, gen, detail)
  select job_id, 'work_lost', stage, gen, json_build_object('tasks', count(*), 'failed', count(*) filter (where status = 'failed'),
         'worker', (select w.host || ' ' || w.pid from workers w where w.worker_id = @worker))
  from k
  group by job_id, stage, gen
),
by_stage as (
  select job_id, stage, count(*) as landed, count(*) filter (where status = 'failed') as failed
  from k group by job_id, stage order by job_id, stage
),
locked as materialized (
  select b.job_id, b.stage, s.failed + b.failed as failed, b.landed
  from by_stage b
  cross join lateral (
    select s.failed from stages s where s.job_id = b.job_id and s.stage = b.stage offset 0 for no key update
  ) s
)
update stages s set failed = l.failed, progressed_at = now()
from locked l
where s.job_id = l.job_id and s.stage = l.stage
returning s.job_id, s.stage, s.name, s.total, s.dispatched, s.completed, s.failed, s.cancelled, s.task_window, s.bundle,
          s.tolerance, s.queue, l.landed, null::bigint[] as unsuccessful
