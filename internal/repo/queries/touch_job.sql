-- A submit that found the job there keeps it from retention. Not landed: it is marked for deletion or gone.
update jobs set last_submitted_at = now() where job_id = @job_id and purge_started_at is null
