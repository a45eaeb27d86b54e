-- A submit that found the job there keeps it from retention.
update jobs set last_submitted_at = now() where job_id = @job_id and last_submitted_at < now() - interval '1 minute'
