-- Returns what traces and metrics report about jobs that have ended. A job that
-- was deleted has no row.
select
  j.job_id, j.job_type, j.status, j.attempt, coalesce(j.traceparent, '') as traceparent,
  case
    when j.start_at between j.created_at and j.finished_at then j.start_at
    else j.created_at
  end as created_at, j.started_at, j.finished_at,
  (
    select
      coalesce(
        json_agg(
          json_build_object(
            'stage', s.stage, 'name', s.name, 'task_type', s.task_type, 'gen', s.gen,
            'status', s.status, 'tasks', coalesce(s.total, s.planned),
            'started_at', case when s.started_at <= s.finished_at then s.started_at end,
            'finished_at', s.finished_at
          )
          order by s.stage
        ),
        '[]'
      )
    from stages s
    where s.job_id = j.job_id
  ) as stages
from unnest(@job_ids::bytea[]) as k (job_id)
join jobs j on j.job_id = k.job_id
