-- Records the ends of many attempts: tasks, message rows and counters.
--
-- Guard: the message row is the fence. An end is accepted if this worker still
-- holds the message under the attempt that it names, and if the attempt began
-- before a stop of its job was requested. A task is written if it has not ended
-- and no attempt as recent has written to it, so a repeat changes nothing.
--
-- Locks: messages in the order given (which is key order), tasks, stages in key
-- order. Most tasks have no row yet and are inserted. If another transaction
-- inserts the row after this statement began, the primary key rejects the
-- insert and the transaction runs again.
--
-- Returns the counters of each stage that changed, with how many ends landed
-- and the places of those that did not complete. The lists of outcomes, errors
-- and delays are empty if all attempts completed.
with
-- The fence: facts about the held messages, as arrays indexed by place. A join
-- of two lists would compare each element with each.
held as materialized (
  select
    array_agg(m.tasks_left) as lefts,
    array_agg(m.queue) as queues,
    array_agg(m.traceparent) as traceparents,
    array_agg(m.losses) as losses,
    array_agg(m.stop_at) as stops,
    array_agg(m.job_type) as job_types
  from (
    select
      coalesce(m.tasks_left, 0) as tasks_left, m.queue, m.traceparent, m.losses,
      coalesce(j.cancel_requested_at, 'infinity') as stop_at,
      j.job_type
    from unnest(@held_jobs::bytea[], @held_messages::bigint[], @held_attempts::int[])
      with ordinality as k (job_id, message_id, attempt, n)
    left join lateral (
      select m.attempt, m.worker_id, m.tasks_left, m.queue, m.traceparent, m.losses
      from messages m
      where m.job_id = k.job_id
        and m.message_id = k.message_id
      offset 0
      for no key update
    ) m on m.worker_id = @worker and m.attempt = k.attempt
    left join lateral (
      select j.cancel_requested_at, j.job_type
      from jobs j
      where j.job_id = k.job_id
      offset 0
    ) j on true
    order by k.n
  ) m
),
-- The ends that the fence admits, with the new status of their tasks. fresh:
-- the task has no row yet. Elements of a fixed width are found by their place;
-- only lists of others are worth an unnest.
accepted as materialized (
  select
    k.*,
    t.index is null as fresh
  from held h
  cross join lateral (
    select
      n, job_id, result,
      (@places::int[])[n] as place,
      (@stages::smallint[])[n] as stage,
      (@gens::int[])[n] as gen,
      (@indexes::int[])[n] as index,
      (@started::timestamptz[])[n] as started_at,
      case
        when (@outcomes::text[])[n] is null then task_status 'completed'
        when (@finals::bool[])[n] then task_status 'failed'
        else task_status 'queued'
      end as status
    from unnest(@job_ids::bytea[], @results::bytea[]) with ordinality as k (job_id, result, n)
    offset 0
  ) k
  left join lateral (
    select t.index
    from tasks t
    where t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index
    offset 0
  ) t on true
  where h.lefts[k.place] > 0
    and k.started_at <= h.stops[k.place]
),
-- Writes the row of each task that had none.
inserted as (
  insert into tasks (
    job_id, stage, gen, index, status, attempt, failures, result, error, started_at, finished_at
  )
  select
    job_id, stage, gen, index, status,
    (@held_attempts::int[])[place],
    (status <> 'completed')::int,
    result,
    case when status <> 'completed' then json_build_object(
      'code', (@codes::text[])[n], 'message', (@errors::text[])[n]
    )::text end,
    started_at,
    case when status <> 'queued' then clock_timestamp() end
  from accepted
  where fresh
),
-- Updates the tasks that have a row and are still open.
updated as (
  update tasks t
  set
    status = k.status,
    attempt = (@held_attempts::int[])[k.place],
    failures = t.failures + (k.status <> 'completed')::int,
    result = k.result,
    error = case when k.status <> 'completed' then json_build_object(
      'code', (@codes::text[])[k.n], 'message', (@errors::text[])[k.n]
    )::text end,
    started_at = k.started_at,
    finished_at = case when k.status <> 'queued' then clock_timestamp() end
  from accepted k
  where not k.fresh
    and t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index
    and t.status = 'queued'
    and t.attempt < (@held_attempts::int[])[k.place]
  returning k.place, k.n, k.stage, k.status, k.started_at
),
-- What landed, by message. All tasks of a message are of one stage.
landed as materialized (
  select
    place,
    (@held_jobs::bytea[])[place] as job_id,
    (@held_messages::bigint[])[place] as message_id,
    min(stage) as stage,
    count(*)::int as landed,
    (count(*) filter (where status = 'completed'))::int as completed,
    (count(*) filter (where status = 'failed'))::int as failed,
    (count(*) filter (where status = 'queued'))::int as retried,
    min(started_at) as began,
    array_agg(n) filter (where status <> 'completed') as unsuccessful
  from (
    select place, n, stage, status, started_at
    from accepted
    where fresh
    union all
    select * from updated
  ) d
  group by place
),
-- Records the attempts that did not complete.
failed_attempts as (
  insert into attempts (
    job_id, stage, gen, index, attempt, outcome, final, error, stack, worker_id, started_at
  )
  select
    l.job_id, l.stage, (@gens::int[])[n], (@indexes::int[])[n],
    (@held_attempts::int[])[l.place], (@outcomes::text[])[n], (@finals::bool[])[n],
    (@errors::text[])[n], (@stacks::text[])[n], @worker, (@started::timestamptz[])[n]
  from landed l
  cross join unnest(l.unsuccessful) as n
),
-- Gives each task that is tried again a message of its own.
retries as (
  insert into messages (
    job_id, queue, kind, stage, gen, first, attempt, losses, due_at, traceparent
  )
  select
    l.job_id, h.queues[l.place], 2, l.stage, (@gens::int[])[n], (@indexes::int[])[n],
    (@held_attempts::int[])[l.place], h.losses[l.place],
    now() + make_interval(secs => (@delays::float8[])[n]), h.traceparents[l.place]
  from landed l
  cross join unnest(l.unsuccessful) as n
  cross join held h
  where not (@finals::bool[])[n]
),
-- Deletes the messages that cover nothing any more.
deleted as (
  delete from messages m
  using landed l
  cross join held h
  where m.job_id = l.job_id
    and m.message_id = l.message_id
    and h.lefts[l.place] = l.landed
),
-- Lowers the count of the other messages.
decremented as (
  update messages m
  set tasks_left = h.lefts[l.place] - l.landed
  from landed l
  cross join held h
  where m.job_id = l.job_id
    and m.message_id = l.message_id
    and h.lefts[l.place] > l.landed
),
-- Counts the ends for the trends.
counted as (
  insert into trend_counts as t (
    minute, backend, job_type, tasks_completed, tasks_failed, retries
  )
  select
    date_trunc('minute', clock_timestamp()), pg_backend_pid(), job_type,
    sum(completed), sum(failed), sum(retried)
  from (
    select h.job_types[l.place] as job_type, l.completed, l.failed, l.retried
    from landed l
    cross join held h
  ) l
  group by job_type
  on conflict (minute, backend, job_type) do update
  set
    tasks_completed = t.tasks_completed + excluded.tasks_completed,
    tasks_failed = t.tasks_failed + excluded.tasks_failed,
    retries = t.retries + excluded.retries
),
-- What landed, by stage.
by_stage as (
  select
    job_id, stage,
    sum(landed) as landed,
    sum(completed) as completed,
    sum(failed) as failed,
    min(began) as began
  from landed
  group by job_id, stage
  order by job_id, stage
),
-- Locks the stages in key order and computes their new counters.
locked as materialized (
  select
    b.job_id, b.stage,
    s.completed + b.completed as completed,
    s.failed + b.failed as failed,
    least(s.first_claimed_at, b.began) as first_claimed_at,
    b.landed
  from by_stage b
  cross join lateral (
    select s.completed, s.failed, s.first_claimed_at
    from stages s
    where s.job_id = b.job_id and s.stage = b.stage
    offset 0
    for no key update
  ) s
)
-- Writes the counters.
update stages s
set
  completed = l.completed,
  failed = l.failed,
  first_claimed_at = l.first_claimed_at,
  progressed_at = now()
from locked l
where s.job_id = l.job_id
  and s.stage = l.stage
returning
  s.job_id, s.stage, s.name, s.total, s.dispatched,
  s.completed, s.failed, s.cancelled,
  s.task_window, s.bundle, s.tolerance, s.queue,
  l.landed, (
    select array_agg(n)
    from landed d
    cross join unnest(d.unsuccessful) as n
    where d.job_id = l.job_id and d.stage = l.stage
  )
