-- The completion of many attempts whose message rows this transaction has locked (lock_held): tasks, message rows, counters.
-- A task lands when it has not ended and no attempt as young has written to it, so that a repeat lands nowhere. What is known
-- of the messages comes in arrays, by place: a join of two lists would compare each with each.
with k as materialized (
  select * from unnest(@job_ids::bytea[], @message_ids::bigint[], @places::int[], @attempts::smallint[], @stages::smallint[],
                       @gens::smallint[], @indexes::int[], @statuses::text[], @results::bytea[], @outcomes::text[],
                       @codes::text[], @errors::text[], @started::timestamptz[], @delays::float8[])
    as k (job_id, message_id, place, attempt, stage, gen, index, status, result, outcome, code, error, started_at, delay)
),
done as (
  update tasks t
  set status = k.status::task_status, attempt = k.attempt, failures = t.failures + (k.status <> 'completed')::int,
      result = k.result,
      error = case when k.status <> 'completed' then json_build_object('code', k.code, 'message', k.error)::text end,
      started_at = k.started_at, finished_at = case when k.status <> 'queued' then clock_timestamp() end
  from k
  where t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index
    and t.status = 'queued' and t.attempt < k.attempt
  returning t.job_id, k.message_id, k.place, t.stage, t.gen, t.index, t.attempt, t.status, k.outcome, k.error, k.started_at, k.delay
),
failed as (
  insert into attempts (job_id, stage, gen, index, attempt, outcome, final, error, worker_id, started_at)
  select job_id, stage, gen, index, attempt, outcome, status = 'failed', error, @worker, started_at
  from done where status <> 'completed'
),
again as (
  insert into messages (job_id, queue, kind, stage, gen, first, attempt, due_at, traceparent)
  select job_id, (@queues::smallint[])[place], 2, stage, gen, index, attempt, now() + make_interval(secs => delay),
         nullif((@traceparents::text[])[place], '')
  from done where status = 'queued'
),
by_message as (
  select job_id, message_id, (@lefts::int[])[place] - count(*) as left from done group by job_id, message_id, place
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
         count(*) filter (where status = 'completed') as completed, count(*) filter (where status = 'failed') as failed
  from done group by job_id, stage order by job_id, stage
),
locked as materialized (
  select b.job_id, b.stage, s.completed + b.completed as completed, s.failed + b.failed as failed, b.landed
  from by_stage b
  cross join lateral (
    select s.completed, s.failed from stages s where s.job_id = b.job_id and s.stage = b.stage offset 0 for no key update
  ) s
)
update stages s set completed = l.completed, failed = l.failed, progressed_at = now()
from locked l
where s.job_id = l.job_id and s.stage = l.stage
returning s.job_id, s.stage, s.name, s.total, s.dispatched, s.completed, s.failed, s.cancelled, s.task_window, s.bundle,
          s.tolerance, s.queue, l.landed
