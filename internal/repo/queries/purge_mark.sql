-- Marks a job for deletion. From here on it cannot run again.
--
-- Guard: the job has ended and is not marked yet. Returns its incarnation.
update jobs
set purge_started_at = now()
where job_id = @job_id
  and finished_at is not null
  and purge_started_at is null
returning incarnation
