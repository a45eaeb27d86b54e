-- Returns the jobs of a page by key. Parameters larger than the limit are left
-- out.
--
-- The running tasks come from the messages that workers hold, by the index
-- messages_held. This reads as many rows as all workers hold, however large the
-- jobs are.
with
-- All held messages.
held_messages as materialized (
  select m.job_id, m.kind, m.tasks_left
  from messages m
  where m.worker_id is not null
),
-- The running tasks of these jobs.
held as materialized (
  select h.job_id, sum(h.tasks_left)::bigint as running
  from held_messages h
  where h.kind = 2
    and h.job_id = any (@job_ids::bytea[])
  group by h.job_id
)
select
  j.job_id, j.job_type, j.status, j.attempt, j.incarnation, j.version,
  j.created_at, j.last_submitted_at, j.run_key, j.start_at, j.started_at, j.finished_at,
  case
    when j.error is null then coalesce(j.stop_requested_at, j.cancel_requested_at)
  end as cancel_requested_at,
  j.outcome::text as outcome,
  j.error,
  case when octet_length(j.params::text) <= @max_params then j.params end as params,
  c.counters, c.planned, c.completed, c.failed, c.cancelled,
  coalesce(h.running, 0) as running,
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
from unnest(@job_ids::bytea[]) as k (job_id)
join jobs j on j.job_id = k.job_id
cross join lateral (
  select
    coalesce(
      sum(s.planned::bigint + s.dispatched + s.completed + s.failed + s.cancelled), 0
    )::bigint as counters,
    coalesce(sum(s.planned), 0)::bigint as planned,
    coalesce(sum(s.completed), 0)::bigint as completed,
    coalesce(sum(s.failed), 0)::bigint as failed,
    coalesce(sum(s.cancelled), 0)::bigint as cancelled
  from stages s
  where s.job_id = j.job_id
) c
left join held h on h.job_id = j.job_id
