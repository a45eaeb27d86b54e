-- Marks jobs that ended, and were last asked for, before the retention time. A submit that touches one first keeps it.
with old as (
  select job_id from jobs
  where finished_at < now() - make_interval(secs => @retention) and last_submitted_at < now() - make_interval(secs => @retention)
    and purge_started_at is null
  order by finished_at
  limit @most
  for update skip locked
)
update jobs j set purge_started_at = now() from old where j.job_id = old.job_id
