-- Ends a batch of the work of a job that is being stopped, through its message
-- rows, and counts the cancelled tasks on the stages. Queued work ends
-- immediately. Held work ends only with include_held, when its time is over.
--
-- Guard: the stop message is the fence. It is deleted when the stop has ended,
-- so that a late caller ends nothing of a run that a retry has started since.
--
-- A batch has at most @most messages and @tasks tasks. A message with more tasks
-- keeps the rest of them.
--
-- Locks: the stop message, messages in key order without those that are locked,
-- tasks, stages in key order. Returns the number of messages that ended.
with
-- The fence.
fence as materialized (
  select 1
  from messages
  where job_id = @job_id
    and message_id = @message_id
    and worker_id = @worker
    and attempt = @attempt
  for no key update
),
-- The next messages.
listed as (
  select message_id
  from (
    select
      message_id,
      sum(size) over (order by message_id) as upto,
      row_number() over (order by message_id) as n
    from (
      select message_id, case when kind = 2 then count else 1 end as size
      from messages
      where job_id = @job_id
        and kind <> 4
        and (worker_id is null or @include_held)
        and exists (select from fence)
      order by message_id
      limit @most
    ) o
  ) o
  where upto <= @tasks
    or n = 1
),
-- Locks them. part: the tasks of the message that this batch ends.
batch as materialized (
  select
    m.*,
    case when m.kind = 2 then least(m.count, @tasks::int) else m.count end as part
  from listed l
  cross join lateral (
    select *
    from messages m
    where m.job_id = @job_id
      and m.message_id = l.message_id
      and (m.worker_id is null or @include_held)
    offset 0
    for no key update skip locked
  ) m
),
-- Their tasks. A task without a row has not ended. If a row appears after this
-- statement began, the key rejects the insert. fresh: the task has no row yet.
covered as materialized (
  select
    m.job_id, m.message_id, m.stage, m.gen, g.index,
    m.count, m.attempt, m.worker_id, m.claimed_at,
    t.index is null as fresh
  from batch m
  cross join lateral generate_series(m.first, m.first + m.part - 1) as g (index)
  left join lateral (
    select t.index, t.status
    from tasks t
    where t.job_id = m.job_id and t.stage = m.stage and t.gen = m.gen and t.index = g.index
    offset 0
  ) t on true
  where m.kind = 2
    and coalesce(t.status, 'queued') = 'queued'
),
-- Writes the row of each task that had none.
inserted as (
  insert into tasks (job_id, stage, gen, index, status, attempt, finished_at)
  select job_id, stage, gen, index, 'cancelled', attempt, clock_timestamp()
  from covered
  where fresh
),
-- Cancels the open tasks that have a row.
updated as (
  update tasks t
  set
    status = 'cancelled',
    finished_at = clock_timestamp(),
    attempt = greatest(t.attempt, k.attempt)
  from covered k
  where not k.fresh
    and t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index
    and t.status = 'queued'
    and (k.count = 1 or t.failures = 0)
  returning
    t.job_id, k.message_id, t.stage, t.gen, t.index, k.attempt, k.worker_id, k.claimed_at
),
-- All tasks that were cancelled.
done as materialized (
  select job_id, message_id, stage, gen, index, attempt, worker_id, claimed_at
  from covered
  where fresh
  union all
  select * from updated
),
-- Records the attempts that were running.
cut_attempts as (
  insert into attempts (
    job_id, stage, gen, index, attempt, outcome, final, error, worker_id, started_at
  )
  select
    job_id, stage, gen, index, attempt,
    'cancelled', true, 'the handler did not return in time', worker_id, claimed_at
  from done
  where worker_id is not null
  on conflict do nothing
),
-- What is left of each message. Grouped, since a join of two lists would compare
-- each with each.
by_message as materialized (
  select
    job_id, message_id, max(part) as part,
    max(part) < max(count) and max(tasks_left) > sum(n) as has_rest,
    max(tasks_left) - sum(n)::int as tasks_left
  from (
    select job_id, message_id, part, count, tasks_left, 0 as n
    from batch
    union all
    select job_id, message_id, null, null, null, 1
    from done
  ) x
  group by job_id, message_id
),
-- Shortens the messages that have tasks left.
shortened as (
  update messages x
  set
    first = x.first + b.part,
    count = x.count - b.part,
    tasks_left = b.tasks_left
  from by_message b
  where x.job_id = b.job_id
    and x.message_id = b.message_id
    and b.has_rest
),
-- Deletes the others.
deleted as (
  delete from messages x
  using by_message b
  where x.job_id = b.job_id
    and x.message_id = b.message_id
    and not b.has_rest
),
-- The cancelled tasks, counted by stage.
by_stage as (
  select
    job_id, stage,
    count(*) as n,
    min(claimed_at) filter (where worker_id is not null) as began
  from done
  group by job_id, stage
),
-- Locks the stages in key order and computes their new counters.
new_counters as materialized (
  select
    s.job_id, s.stage,
    s.cancelled + b.n as cancelled,
    least(s.first_claimed_at, b.began) as first_claimed_at
  from by_stage b
  join stages s using (job_id, stage)
  order by s.job_id, s.stage
  for no key update of s
),
-- Writes the counters.
counted as (
  update stages s
  set
    cancelled = l.cancelled,
    first_claimed_at = l.first_claimed_at,
    progressed_at = now()
  from new_counters l
  where s.job_id = l.job_id
    and s.stage = l.stage
)
select count(*)
from batch
