-- Requeues task messages of one holder whose lease has ended: the tasks from
-- first to below of each message listed. All listed messages have one attempt.
--
-- Each task counts a lost worker and fails when it has lost too many. A bundle
-- is split into smaller ones, and into single tasks when it is lost a second
-- time, so that a task that kills its process is soon isolated.
--
-- Guard: the lease of the holder has ended, and the message is still held by it
-- under that attempt. A message that was released and claimed again since it
-- was listed is left alone. A repeat finds nothing.
--
-- Locks: the worker row, then messages in the order given (which is key order),
-- tasks, stages in key order.
--
-- Each task carries what is needed from its message, and task rows are updated
-- by their place in the table (ctid). A join of two lists would compare each
-- element with each, and so would a plan made while the table was small.
--
-- Returns the counters of each stage that changed.
with
-- Locks the worker row first: a renewal that is under way either commits before
-- this statement reads the lease, or finds the lease ended.
holder as materialized (
  select 1
  from (select @worker::uuid as worker_id) k
  left join lateral (
    select w.lease_until
    from workers w
    where w.worker_id = k.worker_id
    offset 0
    for share
  ) w on true
  where w.lease_until is null
     or w.lease_until <= clock_timestamp()
),
-- The messages to requeue. size: how many tasks each new message covers.
held as materialized (
  select
    m.*,
    least(m.first + m.count, k.below) as below,
    case when m.losses > 0 or m.count <= 16 then 1 else (m.count + 15) / 16 end as size
  from unnest(@job_ids::bytea[], @message_ids::bigint[], @firsts::int[], @below::int[])
    as k (job_id, message_id, first, below)
  cross join lateral (
    select m.*
    from messages m
    where m.job_id = k.job_id
      and m.message_id = k.message_id
    offset 0
    for no key update skip locked
  ) m
  where exists (select from holder)
    and m.worker_id = @worker
    and m.attempt = @attempt
    and m.kind = 2
    and m.first = k.first
),
-- Their open tasks, with the new status. A task without a row has not ended. If
-- a row appears after this statement began, the key rejects the insert.
-- piece: the first index of the new message that covers the task.
orphaned as materialized (
  select
    m.job_id, m.stage, m.gen, g.index,
    m.message_id, m.queue, m.losses, m.panics, m.traceparent, m.claimed_at, m.below, m.size,
    m.first + (g.index - m.first) / m.size * m.size as piece,
    t.place,
    case when t.losses + 1 >= @max_losses then 'failed' else 'queued' end::task_status as status
  from held m
  cross join lateral generate_series(m.first, m.below - 1) as g (index)
  left join lateral (
    select t.ctid as place, t.status, t.attempt, t.failures, t.losses
    from tasks t
    where t.job_id = m.job_id and t.stage = m.stage and t.gen = m.gen and t.index = g.index
    offset 0
    for no key update
  ) t on true
  where t.place is null
     or t.status = 'queued' and t.attempt < m.attempt and (m.count = 1 or t.failures = 0)
),
-- Writes the row of each task that had none.
inserted as (
  insert into tasks (job_id, stage, gen, index, attempt, losses)
  select job_id, stage, gen, index, @attempt, 1
  from orphaned
  where place is null
),
-- Counts the loss on the other tasks, and fails those with too many.
updated as (
  update tasks t
  set
    attempt = @attempt,
    losses = t.losses + 1,
    status = case when t.losses + 1 >= @max_losses then 'failed' else 'queued' end::task_status,
    error = case
      when t.losses + 1 >= @max_losses
        then json_build_object('code', @lost_code::text, 'message', @lost_text::text)::text
      else t.error
    end,
    finished_at = case when t.losses + 1 >= @max_losses then clock_timestamp() end
  where t.ctid = any (array (select place from orphaned where place is not null))
),
-- Records the lost attempts.
lost_attempts as (
  insert into attempts (
    job_id, stage, gen, index, attempt, outcome, final, error, worker_id, started_at
  )
  select
    job_id, stage, gen, index, @attempt,
    'lost', status = 'failed', 'the process that ran it went away', @worker, claimed_at
  from orphaned
),
-- The tasks from below on stay with the holder, for the next transaction.
parted as materialized (
  select
    m.job_id, m.message_id, m.below,
    m.first + m.count - m.below as count,
    m.tasks_left - (select count(*) from orphaned k where k.message_id = m.message_id) as left
  from held m
  where m.below < m.first + m.count
),
-- Shortens the messages of which a part stays.
kept as (
  update messages x
  set first = p.below, count = p.count, tasks_left = p.left
  from parted p
  where x.job_id = p.job_id
    and x.message_id = p.message_id
    and p.left > 0
),
-- The messages of which nothing stays.
over as (
  select job_id, message_id
  from held m
  where m.below = m.first + m.count
  union all
  select job_id, message_id
  from parted
  where parted.left <= 0
),
-- Deletes them.
deleted as (
  delete from messages x
  using over
  where x.job_id = over.job_id
    and x.message_id = over.message_id
),
-- Writes the new messages.
requeued as (
  insert into messages (
    job_id, queue, kind, stage, gen, first, count, tasks_left, attempt, losses, panics, traceparent
  )
  select
    job_id, queue, 2, stage, gen,
    piece, least(size, below - piece), count(*),
    @attempt, losses + 1, panics, traceparent
  from orphaned
  where status = 'queued'
  group by
    job_id, message_id, queue, stage, gen, piece, size, below, losses, panics, traceparent
),
-- Logs one event for each stage of the batch.
logged as (
  insert into events (job_id, kind, stage, gen, detail)
  select
    job_id, 'work_lost', stage, gen,
    json_build_object(
      'tasks', count(*),
      'failed', count(*) filter (where status = 'failed'),
      'worker', (select w.host || ' ' || w.pid from workers w where w.worker_id = @worker)
    )
  from orphaned
  group by job_id, stage, gen
),
-- Counts them for the trends.
counted as (
  insert into trend_counts as t (minute, backend, job_type, tasks_failed, retries)
  select
    date_trunc('minute', clock_timestamp()), pg_backend_pid(), job_type,
    count(*) filter (where status = 'failed'),
    count(*) filter (where status = 'queued')
  from (
    select j.job_type, o.status
    from orphaned o
    cross join lateral (select j.job_type from jobs j where j.job_id = o.job_id offset 0) j
  ) o
  group by job_type
  on conflict (minute, backend, job_type) do update
  set
    tasks_failed = t.tasks_failed + excluded.tasks_failed,
    retries = t.retries + excluded.retries
),
-- The tasks, counted by stage.
by_stage as (
  select
    job_id, stage,
    count(*) as landed,
    count(*) filter (where status = 'failed') as failed,
    min(claimed_at) as began
  from orphaned
  group by job_id, stage
  order by job_id, stage
),
-- Locks the stages in key order and computes their new counters.
locked as materialized (
  select
    b.job_id, b.stage,
    s.failed + b.failed as failed,
    least(s.first_claimed_at, b.began) as first_claimed_at,
    b.landed
  from by_stage b
  cross join lateral (
    select s.failed, s.first_claimed_at
    from stages s
    where s.job_id = b.job_id and s.stage = b.stage
    offset 0
    for no key update
  ) s
)
-- Writes the counters.
update stages s
set failed = l.failed, first_claimed_at = l.first_claimed_at, progressed_at = now()
from locked l
where s.job_id = l.job_id
  and s.stage = l.stage
returning
  s.job_id, s.stage, s.name, s.total, s.dispatched,
  s.completed, s.failed, s.cancelled,
  s.task_window, s.bundle, s.tolerance, s.queue,
  l.landed, null::bigint[] as unsuccessful
