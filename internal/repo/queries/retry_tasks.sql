-- Opens the failed and cancelled tasks of a stage again. The generation stays,
-- and completed tasks stay completed.
--
-- The caller has locked the stage. Returns the new dispatched mark and the
-- number of opened tasks.
with
-- Opens the tasks.
opened_tasks as (
  update tasks
  set
    status = 'queued',
    failures = 0,
    losses = 0,
    error = null,
    started_at = null,
    finished_at = null
  where job_id = @job_id
    and stage = @stage
    and gen = @gen
    and status in ('failed', 'cancelled')
  returning index, attempt
),
-- Records that their last attempts no longer end them.
reopened_attempts as (
  -- By ctid. A join could compare each attempt with each task.
  update attempts
  set final = false
  where ctid = any (
    array (
      select a.place
      from opened_tasks t
      cross join lateral (
        select a.ctid as place
        from attempts a
        where a.job_id = @job_id and a.stage = @stage and a.gen = @gen and a.index = t.index
          and a.attempt = t.attempt
          and a.final
        offset 0
      ) a
    )
  )
)
update stages s
set
  status = 'running',
  failed = 0,
  cancelled = 0,
  sparse = true,
  earlier_runs = append_run(s.earlier_runs, s.first_claimed_at, s.finished_at),
  first_claimed_at = null,
  finished_at = null,
  started_at = now(),
  progressed_at = now(),
  dispatched = (select min(index) from opened_tasks)
where s.job_id = @job_id
  and s.stage = @stage
  and exists (select from opened_tasks)
returning s.dispatched, (select count(*) from opened_tasks) as opened
