-- Returns which of a worker's jobs are being stopped, or were stopped without
-- it. The message rows of the latter are deleted already.
select job_id
from jobs
where job_id = any (@job_ids::bytea[])
  and cancel_requested_at is not null
