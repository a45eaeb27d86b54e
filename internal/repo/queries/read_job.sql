-- Returns one job with its stages, in one snapshot.
--
-- The running tasks come from the messages that workers hold, by the index
-- messages_held. This reads as many rows as all workers hold, however large the
-- job is.
with
-- All held messages.
held_messages as materialized (
  select m.job_id, m.stage, m.gen, m.kind, m.tasks_left, m.claimed_at
  from messages m
  where m.worker_id is not null
),
-- The running tasks of the job, by stage.
held as materialized (
  select h.stage, h.gen, sum(h.tasks_left) as running, min(h.claimed_at) as claimed_at
  from held_messages h
  where h.job_id = @job_id
    and h.kind = 2
  group by h.stage, h.gen
)
select
  j.job_id, j.job_type, j.status, j.attempt, j.incarnation, j.version, j.params,
  j.created_at, j.last_submitted_at, j.run_key, j.start_at, j.started_at, j.finished_at,
  case
    when j.error is null then coalesce(j.stop_requested_at, j.cancel_requested_at)
  end as cancel_requested_at,
  j.outcome::text as outcome,
  j.result, j.error,
  coalesce(split_part(j.traceparent, '-', 2), '') as trace_id,
  j.callback_url,
  (
    select
      json_build_object(
        'tries', n.tries, 'due_at', n.due_at,
        'delivered_at', n.delivered_at, 'failed_at', n.failed_at, 'error', n.error
      )
    from notifications n
    where n.job_id = j.job_id
      and n.attempt = j.attempt
      and j.callback_url is not null
  ) as notification,
  (
    select
      coalesce(
        json_agg(
          json_build_object(
            'stage', s.stage, 'name', s.name, 'task_type', s.task_type, 'kind', s.kind,
            'queue_number', s.queue, 'depends_on_numbers', s.depends_on,
            'status', case
              when s.status = 'running' and s.started_at > now() then 'waiting'
              else s.status::text
            end,
            'gen', s.gen,
            'planned', s.total is not null, 'expected', s.expected,
            'tolerance', s.tolerance, 'finally', s.finally, 'dispatched', s.dispatched,
            'tasks', json_build_object(
              'total', s.planned, 'running', coalesce(h.running, 0), 'completed', s.completed,
              'failed', s.failed, 'cancelled', s.cancelled
            ),
            'started_at', case
              when s.started_at <= coalesce(s.finished_at, now()) then s.started_at
            end,
            'first_claimed_at', least(s.first_claimed_at, h.claimed_at),
            'earlier_runs', s.earlier_runs,
            'progressed_at', s.progressed_at,
            'finished_at', s.finished_at, 'error', s.error
          )
          order by s.stage
        ),
        '[]'
      )
    from stages s
    left join held h on h.stage = s.stage and h.gen = s.gen
    where s.job_id = j.job_id
  ) as stages,
  coalesce(
    (
      select json_object_agg(substr(t.term, 5), t.value order by t.term)
      from job_terms t
      where t.job_id = j.job_id
        and t.term >= 'tag.'
        and t.term < 'tag/'
    ),
    '{}'
  ) as tags
from jobs j
where j.job_id = @job_id
  and j.purge_started_at is null
