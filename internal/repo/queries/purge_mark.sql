-- Marks an ended job for deletion; from here on it cannot run again. Not landed: it has not ended, is gone, or is marked already.
update jobs set purge_started_at = now()
where job_id = @job_id and finished_at is not null and purge_started_at is null
returning incarnation
