-- The completion of many attempts, in one statement: the fence, tasks, message rows, counters.
-- The fence locks the message rows in the order given, which is key order, and admits what this worker still holds under the attempt
-- named, unless it began after its job was told to stop. What is known of the messages is kept in arrays, by place: a join of two lists
-- would compare each with each. A task lands when it has not ended and no attempt as young has written to it, so that a repeat lands
-- nowhere. Most tasks have no row yet (fresh) and are inserted. Where another wrote the row after this statement began, the key refuses
-- the insert, and the transaction runs again. The lists of what went wrong are empty where nothing did.
with held as materialized (
  select array_agg(m.tasks_left) as lefts, array_agg(m.queue) as queues, array_agg(m.traceparent) as traceparents,
         array_agg(m.losses) as losses, array_agg(m.stop_at) as stops
  from (
    select coalesce(m.tasks_left, 0) as tasks_left, m.queue, m.traceparent, m.losses,
           coalesce((select j.cancel_requested_at from jobs j where j.job_id = k.job_id), 'infinity') as stop_at
    from unnest(@held_jobs::bytea[], @held_messages::bigint[], @held_attempts::int[])
      with ordinality as k (job_id, message_id, attempt, n)
    left join lateral (
      select m.attempt, m.worker_id, m.tasks_left, m.queue, m.traceparent, m.losses
      from messages m
      where m.job_id = k.job_id and m.message_id = k.message_id
      offset 0
      for no key update
    ) m on m.worker_id = @worker and m.attempt = k.attempt
    order by k.n
  ) m
),
k as materialized (
  select k.*, (@held_attempts::int[])[k.place] as attempt, t.index is null as fresh,
         (case when (@outcomes::text[])[k.n] is null then 'completed' when (@finals::bool[])[k.n] then 'failed' else 'queued' end)::task_status
           as status,
         case when (@outcomes::text[])[k.n] is not null
              then json_build_object('code', (@codes::text[])[k.n], 'message', (@errors::text[])[k.n])::text end as error
  from held h
  cross join unnest(@places::int[], @job_ids::bytea[], @stages::smallint[], @gens::int[], @indexes::int[], @results::bytea[],
                    @started::timestamptz[])
    with ordinality as k (place, job_id, stage, gen, index, result, started_at, n)
  left join lateral (
    select t.index from tasks t where t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index offset 0
  ) t on true
  where h.lefts[k.place] > 0 and k.started_at <= h.stops[k.place]
),
inserted as (
  insert into tasks (job_id, stage, gen, index, status, attempt, failures, result, error, started_at, finished_at)
  select job_id, stage, gen, index, status, attempt, (error is not null)::int, result, error, started_at,
         case when status <> 'queued' then clock_timestamp() end
  from k where fresh
),
updated as (
  update tasks t
  set status = k.status, attempt = k.attempt, failures = t.failures + (k.error is not null)::int, result = k.result, error = k.error,
      started_at = k.started_at, finished_at = case when k.status <> 'queued' then clock_timestamp() end
  from k
  where not k.fresh and t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index
    and t.status = 'queued' and t.attempt < k.attempt
  returning t.job_id, t.stage, t.gen, t.index, t.status, k.place, k.n
),
done as materialized (
  select job_id, stage, gen, index, status, place, n from k where fresh
  union all
  select * from updated
),
failed as (
  insert into attempts (job_id, stage, gen, index, attempt, outcome, final, error, stack, worker_id, started_at)
  select job_id, stage, gen, index, (@held_attempts::int[])[place], (@outcomes::text[])[n], status = 'failed',
         (@errors::text[])[n], (@stacks::text[])[n], @worker, (@started::timestamptz[])[n]
  from done where status <> 'completed'
),
again as (
  insert into messages (job_id, queue, kind, stage, gen, first, attempt, losses, due_at, traceparent)
  select d.job_id, h.queues[d.place], 2, d.stage, d.gen, d.index, (@held_attempts::int[])[d.place], h.losses[d.place],
         now() + make_interval(secs => (@delays::float8[])[d.n]), h.traceparents[d.place]
  from done d cross join held h where d.status = 'queued'
),
by_message as (
  select d.job_id, (@held_messages::bigint[])[d.place] as message_id, h.lefts[d.place] - d.n as left
  from (select job_id, place, count(*) as n from done group by job_id, place) d cross join held h
),
ended as (
  delete from messages m using by_message b where m.job_id = b.job_id and m.message_id = b.message_id and b.left = 0
),
lowered as (
  update messages m set tasks_left = b.left from by_message b
  where m.job_id = b.job_id and m.message_id = b.message_id and b.left > 0
),
by_stage as (
  select job_id, stage, count(*) as landed,
         count(*) filter (where status = 'completed') as completed, count(*) filter (where status = 'failed') as failed,
         array_agg(n) filter (where status <> 'completed') as unsuccessful
  from done group by job_id, stage order by job_id, stage
),
locked as materialized (
  select b.job_id, b.stage, s.completed + b.completed as completed, s.failed + b.failed as failed, b.landed, b.unsuccessful
  from by_stage b
  cross join lateral (
    select s.completed, s.failed from stages s where s.job_id = b.job_id and s.stage = b.stage offset 0 for no key update
  ) s
)
update stages s set completed = l.completed, failed = l.failed, progressed_at = now()
from locked l
where s.job_id = l.job_id and s.stage = l.stage
returning s.job_id, s.stage, s.name, s.total, s.dispatched, s.completed, s.failed, s.cancelled, s.task_window, s.bundle,
          s.tolerance, s.queue, l.landed, l.unsuccessful
