-- Records the ends of all tasks of some stages, and all that follows: the stages
-- end, the stages that wait for them start, and the jobs whose last stages these
-- are end. It is a transaction of its own, and does in one statement what
-- complete, end_stages, start_stages and decrement_pending_stages do.
--
-- Guard: all or nothing. The message row is the fence, and covers all tasks of
-- its stage. The stage is running, has that number of tasks, and none has
-- ended. The stages to start wait for this one alone. The job is running and not
-- being stopped, and its row and its attempt are the ones that the caller knows
-- the stages of. It has as many open stages as it has if no other stage
-- runs, so that no other transaction ends one now. If it ends, no task of it
-- has failed. Otherwise the statement writes nothing and returns nothing, and
-- the caller takes the long path.
--
-- Locks: messages in the order given, which is key order, then stages in key
-- order, then jobs. Each lock needs the number of those before, so that they are
-- taken in this order. The rows of the tasks are new, and no transaction without
-- the lock of the message writes them.
--
-- Some lists have one element for each message, which places number. Each
-- message is of another job. Returns the messages that this process claimed in
-- the same statement, or one row without a message.
with
-- The fence.
held as materialized (
  select k.*
  from unnest(@job_ids::bytea[], @message_ids::bigint[], @stages::smallint[], @counts::int[])
    as k (job_id, message_id, stage, n)
  cross join lateral (
    select m.worker_id, m.attempt, m.tasks_left
    from messages m
    where m.job_id = k.job_id
      and m.message_id = k.message_id
    offset 0
    for no key update
  ) m
  where m.worker_id = @worker
    and m.attempt = 1
    and m.tasks_left = k.n
),
-- Locks the stages that end, and those that start. began: when the first of the
-- tasks did, of a stage that ends.
locked as materialized (
  select k.*
  from unnest(
    @stage_jobs::bytea[], @stage_numbers::smallint[], @stage_totals::int[],
    @stage_dispatched::int[], @stage_bundles::int[], @stage_began::timestamptz[]
  ) as k (job_id, stage, total, dispatched, bundle, began)
  cross join lateral (
    select
      s.status, s.pending_dependencies, s.gen, s.total,
      s.completed + s.failed + s.cancelled as ended
    from stages s
    where s.job_id = k.job_id
      and s.stage = k.stage
    offset 0
    for no key update
  ) s
  where (select count(*) from held) = cardinality(@job_ids::bytea[])
    and s.gen = 1
    and case
      when k.began is null then s.status = 'waiting' and s.pending_dependencies = 1
      else s.status = 'running' and s.total = k.total and s.ended = 0
    end
),
-- Locks the jobs, and returns one row if all is as the caller expects.
agreed as materialized (
  select 1
  where (
    select count(*)
    from unnest(@job_ids::bytea[], @incarnations::bigint[], @open::int[])
      as k (job_id, incarnation, open)
    cross join lateral (
      select
        j.incarnation, j.attempt, j.status, j.cancel_requested_at, j.pending_stages
      from jobs j
      where j.job_id = k.job_id
      offset 0
      for no key update
    ) j
    where (select count(*) from locked) = cardinality(@stage_jobs::bytea[])
      and j.incarnation = k.incarnation
      and j.attempt = 1
      and j.status = 'running'
      and j.cancel_requested_at is null
      and j.pending_stages = k.open
      and (
        k.open > 1
        -- offset 0: without it, Postgres 18 can hash the failed stages of all jobs.
        or not exists (
          select from stages s where s.job_id = k.job_id and s.failed > 0 offset 0
        )
      )
  ) = cardinality(@job_ids::bytea[])
),
-- Writes the rows of the tasks.
inserted as (
  insert into tasks (
    job_id, stage, gen, index, status, attempt, result, started_at, finished_at
  )
  select
    (@job_ids::bytea[])[t.place], (@stages::smallint[])[t.place], 1, t.index, 'completed', 1,
    t.result, t.started_at, clock_timestamp()
  from agreed
  cross join unnest(
    @places::int[], @indexes::int[], @results::bytea[], @started::timestamptz[]
  ) as t (place, index, result, started_at)
),
-- Deletes the messages: they cover nothing any more.
deleted as (
  delete from messages m
  using agreed, held h
  where m.job_id = h.job_id
    and m.message_id = h.message_id
),
-- Writes the stages.
written as (
  update stages s
  set
    status = case when l.began is null then 'running' else 'completed' end::stage_status,
    pending_dependencies = 0,
    total = l.total,
    planned = l.total,
    dispatched = l.dispatched,
    bundle = case when l.began is null then l.bundle else s.bundle end,
    completed = case when l.began is null then 0 else l.total end,
    first_claimed_at = least(s.first_claimed_at, l.began),
    started_at = coalesce(s.started_at, now()),
    progressed_at = now(),
    finished_at = case when l.began is not null then clock_timestamp() end
  from agreed, locked l
  where s.job_id = l.job_id
    and s.stage = l.stage
),
-- Writes the messages of the stages that start, of which some are claimed.
sent as (
  insert into messages (
    job_id, queue, kind, stage, first, count, tasks_left,
    traceparent, worker_id, claimed_at, attempt
  )
  select
    (@job_ids::bytea[])[k.place], k.queue, 2, k.stage, k.first, k.count, k.count,
    nullif((@traceparents::text[])[k.place], ''), case when k.mine then @worker::uuid end,
    case when k.mine then clock_timestamp() end, k.mine::int
  from agreed
  cross join unnest(
    @message_places::int[], @message_stages::smallint[], @message_queues::smallint[],
    @message_firsts::int[], @message_counts::int[], @message_mine::bool[]
  ) as k (place, stage, queue, first, count, mine)
  returning job_id, stage, first, message_id, claimed_at
),
-- Writes the jobs.
advanced as (
  update jobs j
  set
    pending_stages = k.open - 1,
    version = j.version + 1,
    status = case when k.open = 1 then 'completed' else 'running' end::job_status,
    finished_at = case when k.open = 1 then clock_timestamp() end
  from agreed, unnest(@job_ids::bytea[], @open::int[]) as k (job_id, open)
  where j.job_id = k.job_id
),
-- Logs the events.
logged as (
  insert into events (job_id, kind, stage, gen, detail)
  select k.job_id, k.kind, k.stage, case when k.stage is not null then 1 end, k.detail::json
  from agreed
  cross join unnest(
    @event_jobs::bytea[], @event_kinds::text[], @event_stages::smallint[], @event_details::text[]
  ) as k (job_id, kind, stage, detail)
),
-- Counts the ends for the trends.
counted as (
  insert into trend_counts as t (minute, backend, job_type, tasks_completed, jobs_completed)
  select
    date_trunc('minute', clock_timestamp()), pg_backend_pid(), k.job_type, k.tasks, k.jobs
  from agreed
  cross join unnest(@job_types::text[], @type_tasks::int[], @type_jobs::int[])
    as k (job_type, tasks, jobs)
  on conflict (minute, backend, job_type) do update
  set
    tasks_completed = t.tasks_completed + excluded.tasks_completed,
    jobs_completed = t.jobs_completed + excluded.jobs_completed
)
select
  coalesce(m.job_id, '') as job_id, 0::bigint as incarnation,
  m.stage, m.first, m.message_id, m.claimed_at
from agreed
left join sent m on m.claimed_at is not null
