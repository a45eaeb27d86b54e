-- Returns what traces and metrics report about jobs that have ended. A job that
-- was deleted has no row.
select
  j.job_id, j.job_type, j.status, j.attempt, coalesce(j.traceparent, '') as traceparent,
  j.created_at, j.started_at, j.finished_at,
  (
    select
      coalesce(
        json_agg(
          json_build_object(
            'stage', s.stage, 'name', s.name, 'task_type', s.task_type, 'gen', s.gen,
            'status', s.status, 'tasks', coalesce(s.total, s.planned),
            'started_at', s.started_at, 'finished_at', s.finished_at
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
