-- Marks jobs for deletion that ended, and were last submitted, before the
-- retention time. A submit that commits first keeps the job.
--
-- Guard: the job is not marked yet. Locks: jobs, without those that are locked.
with
-- Locks the jobs.
expired as (
  select job_id
  from jobs
  where finished_at < now() - make_interval(secs => @retention)
    and last_submitted_at < now() - make_interval(secs => @retention)
    and purge_started_at is null
  order by finished_at
  limit @most
  for update skip locked
)
update jobs j
set purge_started_at = now()
from expired old
where j.job_id = old.job_id
