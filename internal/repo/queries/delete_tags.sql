-- Deletes the tags of a job that are not among the given terms.
--
-- The caller holds the lock of the job.
delete from job_terms
where job_id = @job_id
  and term >= 'tag.'
  and term < 'tag/'
  and not term = any (@terms::text[])
