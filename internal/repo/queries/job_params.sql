-- Returns what a process caches of a job: what never changes for one id, and the
-- stages of its first run, if the job has not run again and has few stages.
select
  j.job_type, j.params::text as params, j.incarnation, j.has_result,
  coalesce(j.traceparent, '') as traceparent, g.stages
from jobs j
left join lateral (
  select
    json_agg(
      json_build_object(
        'Name', s.name, 'TaskType', s.task_type, 'Kind', s.kind, 'Queue', s.queue,
        'DependsOn', s.depends_on, 'Dependencies', s.dependencies, 'Skip', s.skip,
        'Expected', coalesce(s.expected, -1), 'Window', s.task_window, 'Bundle', s.bundle,
        'Finally', s.finally
      )
      order by s.stage
    )::text as stages
  from stages s
  where s.job_id = j.job_id
  having count(*) <= @most::int
) g on j.attempt = 1
where j.job_id = @job_id
