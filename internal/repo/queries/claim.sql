-- Claims messages for this worker and returns what each needs to run.
--
-- Guard: a message that another worker holds, that is dead, or whose job is
-- being stopped is left alone. A stop message (kind 4) is claimed in any case.
-- A repeat after a lost COMMIT answer finds its own claim and does not raise
-- the attempt.
--
-- Locks: messages in the order given, which is key order, then jobs.
with
-- Locks the messages that can be claimed. fresh: 1 if no worker holds it yet.
free as materialized (
  select
    k.job_id, k.message_id, (m.worker_id is null)::int as fresh,
    j.incarnation, j.job_type, j.has_result, j.status as job_status
  from unnest(@job_ids::bytea[], @message_ids::bigint[]) as k (job_id, message_id)
  cross join lateral (
    select m.worker_id, m.dead_reason, m.kind
    from messages m
    where m.job_id = k.job_id
      and m.message_id = k.message_id
    offset 0
    for no key update
  ) m
  join jobs j on j.job_id = k.job_id
  where (m.worker_id is null or m.worker_id = @worker)
    and m.dead_reason is null
    and (j.cancel_requested_at is null or m.kind = 4)
),
-- Writes the worker and raises the attempt: from here on the fence is set.
claimed as (
  update messages m
  set
    worker_id = @worker,
    claimed_at = case when f.fresh = 1 then clock_timestamp() else m.claimed_at end,
    attempt = m.attempt + f.fresh,
    locked_until = null
  from free f
  where m.job_id = f.job_id
    and m.message_id = f.message_id
  returning m.*, f.incarnation, f.job_type, f.has_result, f.job_status
),
-- Marks the queued jobs as running. The status is compared as text, so that the
-- planner uses the primary key and not the index over all queued jobs.
running as (
  update jobs j
  set status = 'running', started_at = now(), version = j.version + 1
  where j.job_id in (select c.job_id from claimed c where c.job_status = 'queued')
    and j.status::text = 'queued'
  returning j.job_type
),
-- Counts the starts for the trends.
counted as (
  insert into trend_counts as t (minute, backend, job_type, jobs_started)
  select
    date_trunc('minute', clock_timestamp()), pg_backend_pid(), job_type,
    count(*)
  from running
  group by job_type
  on conflict (minute, backend, job_type) do update
  set jobs_started = t.jobs_started + excluded.jobs_started
)
select
  c.job_id, c.message_id, c.queue, c.kind, c.stage, c.gen,
  c.first, c.count, c.tasks_left, c.attempt, c.losses,
  c.claimed_at, c.parked_since, coalesce(c.traceparent, '') as traceparent,
  c.incarnation, c.job_type, c.has_result,
  coalesce(s.name, '') as stage_name,
  coalesce(s.task_type, '') as task_type,
  coalesce(s.kind, '') as shape,
  s.depends_on,
  coalesce(s.dependencies, '{}') as dependencies,
  coalesce(s.finally, false) as finally,
  coalesce(s.gen, c.gen) as stage_gen,
  coalesce(s.planned, 0) as planned,
  coalesce(s.total, -1) as total,
  coalesce(s.bundle, 1) as bundle,
  coalesce(s.skip, false) as skip,
  coalesce(s.expected, -1) as expected,
  coalesce(p.total, 0) as source_total,
  coalesce(p.task_type, '') as source_type,
  coalesce(p.kind, '') as source_kind
from claimed c
-- offset 0: one look-up by the whole key each. A plan that was made while the
-- table was small could read that stage of all jobs.
left join lateral (
  select *
  from stages s
  where s.job_id = c.job_id and s.stage = c.stage
  offset 0
) s on c.kind in (1, 2)
left join lateral (
  select p.total, p.task_type, p.kind
  from stages p
  where p.job_id = c.job_id and p.stage = s.depends_on[1]
  offset 0
) p on true
