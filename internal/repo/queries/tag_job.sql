-- Raises the version of a job whose tags have changed, and logs the change.
--
-- The caller holds the lock of the job.
with
-- Raises the version.
raised as (
  update jobs
  set version = version + 1
  where job_id = @job_id
  returning job_id
)
insert into events (job_id, kind, detail)
select job_id, 'tagged', json_build_object('by', @by::text, 'tags', @tags::json)
from raised
