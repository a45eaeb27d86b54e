-- Records that a job was submitted again, so that retention keeps it.
--
-- Guard: the job exists and is not marked for deletion.
update jobs
set last_submitted_at = now()
where job_id = @job_id
  and purge_started_at is null
