-- Returns one task with the message that covers it. The search for the message
-- is limited by the windows of the job's stages.
select
  s.stage, s.name, s.task_type, s.kind, s.gen, j.incarnation,
  coalesce(split_part(j.traceparent, '-', 2), '') as trace_id,
  (
    select coalesce(array_agg(d.name order by d.stage), '{}')
    from stages d
    where d.job_id = s.job_id
      and d.stage = any (s.depends_on)
  ) as depends_on,
  case when m.worker_id is null then t.status::text else 'running' end as status,
  case when m.worker_id is null then t.attempt else m.attempt end::int as attempt,
  t.failures::int as failures, t.losses::int as losses,
  t.input, t.result, coalesce(t.error, '') as error,
  coalesce(m.claimed_at, t.started_at) as started_at, t.finished_at,
  case when m.worker_id is null then m.due_at end as due_at,
  coalesce(m.dead_reason, '') as dead,
  coalesce(w.host || ' ' || w.pid, '') as worker,
  m.progress -> t.index::text as progress,
  coalesce(
    (
      select p.part + 1
      from result_parts p
      where p.job_id = s.job_id and p.stage = s.stage and p.gen = s.gen and p.index = t.index
        and p.attempt = t.attempt
      order by p.job_id, p.stage, p.gen, p.index, p.attempt, p.part desc
      limit 1
    ),
    0
  )::int as parts
from stages s
join jobs j on j.job_id = s.job_id and j.purge_started_at is null
-- The task. A task without a row has not ended.
cross join lateral (
  select
    @index::int as index,
    coalesce(t.status, 'queued') as status,
    coalesce(t.attempt, 0) as attempt,
    coalesce(t.failures, 0) as failures,
    coalesce(t.losses, 0) as losses,
    t.input, t.result, t.error, t.started_at, t.finished_at
  from (select where @index::int >= 0 and @index::int < s.planned) known
  -- The limit keeps the planner from joining on less than the whole key.
  left join lateral (
    select *
    from tasks t
    where t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen and t.index = @index
    limit 1
  ) t on true
) t
-- The message that covers it.
left join lateral (
  select m.worker_id, m.attempt, m.claimed_at, m.due_at, m.dead_reason, m.progress
  from messages m
  where t.status = 'queued'
    and m.job_id = s.job_id
    and m.kind = 2
    and m.stage = s.stage
    and m.gen = s.gen
    and m.first <= t.index
    and t.index < m.first + m.count
    and (m.count = 1 or t.failures = 0)
  limit 1
) m on true
left join workers w on w.worker_id = m.worker_id
where s.job_id = @job_id
  and s.name = @stage
