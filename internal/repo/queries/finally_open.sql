-- Opens the finally stages of a job whose outcome is decided: from now on they
-- wait for each other only. The build before this one may have cancelled them.
--
-- Guard: no finally stage has begun. finally_lock has locked all of them.
--
-- Returns the stages that can start now, with the facts that decide how they
-- start, in the order of end_stages.
with
-- Opens the stages.
opened as (
  update stages s
  set
    status = 'waiting',
    pending_dependencies = cardinality(s.depends_on),
    total = null,
    started_at = null,
    finished_at = null,
    error = null
  where s.job_id = @job_id
    and s.finally
    and not exists (
      select
      from stages b
      where b.job_id = @job_id
        and b.finally
        and b.status not in ('waiting', 'cancelled')
    )
  returning
    s.job_id, s.stage, s.pending_dependencies, s.kind, s.skip, s.expected, s.queue, s.task_type,
    s.bundle
)
select
  job_id, stage, false as ended,
  kind, skip, coalesce(expected, -1) as expected, queue, task_type, bundle,
  0 as source_total, true as source_clean
from opened
where pending_dependencies = 0
order by stage
