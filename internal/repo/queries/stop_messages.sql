-- Ends a batch of a stopping job's work through its message rows: queued work at once, held work only when it was given its
-- time (include_held). Books what was cancelled on the stages. The stop message is the fence: it is gone when the stop has ended, so
-- that whoever comes too late ends nothing of a run that a retry started since.
with f as materialized (
  select 1 from messages
  where job_id = @job_id and message_id = @message_id and worker_id = @worker and attempt = @attempt
  for no key update
),
m as materialized (
  select * from messages
  where job_id = @job_id and kind <> 4 and (worker_id is null or @include_held) and exists (select from f)
  order by job_id, message_id
  limit @most
  for no key update skip locked
),
k as materialized ( -- a task without a row has not ended; where one comes after this statement began, the key refuses the insert
  select m.job_id, m.stage, m.gen, g.index, m.count, m.attempt, m.worker_id, m.claimed_at, t.index is null as fresh
  from m
  cross join lateral generate_series(m.first, m.first + m.count - 1) as g (index)
  left join lateral (
    select t.index from tasks t where t.job_id = m.job_id and t.stage = m.stage and t.gen = m.gen and t.index = g.index offset 0
  ) t on true
  where m.kind = 2
),
inserted as (
  insert into tasks (job_id, stage, gen, index, status, attempt, finished_at)
  select job_id, stage, gen, index, 'cancelled', attempt, clock_timestamp() from k where fresh
),
updated as (
  update tasks t set status = 'cancelled', finished_at = clock_timestamp(), attempt = greatest(t.attempt, k.attempt)
  from k
  where not k.fresh and t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index
    and t.status = 'queued' and (k.count = 1 or t.failures = 0)
  returning t.job_id, t.stage, t.gen, t.index, k.attempt, k.worker_id, k.claimed_at
),
t as materialized (
  select job_id, stage, gen, index, attempt, worker_id, claimed_at from k where fresh
  union all
  select * from updated
),
a as (
  insert into attempts (job_id, stage, gen, index, attempt, outcome, final, error, worker_id, started_at)
  select job_id, stage, gen, index, attempt, 'cancelled', true, 'the handler did not return in time', worker_id, claimed_at
  from t where worker_id is not null
  on conflict do nothing
),
gone as (
  delete from messages x using m where x.job_id = m.job_id and x.message_id = m.message_id
),
by_stage as (select job_id, stage, count(*) as n from t group by job_id, stage),
locked as materialized (
  select s.job_id, s.stage, s.cancelled + b.n as cancelled
  from by_stage b join stages s using (job_id, stage) order by s.job_id, s.stage for no key update of s
),
booked as (
  update stages s set cancelled = l.cancelled, progressed_at = now() from locked l where s.job_id = l.job_id and s.stage = l.stage
)
select count(*) from m
