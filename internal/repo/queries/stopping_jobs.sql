-- Returns which of a worker's jobs are being stopped, or were stopped without
-- it. The message rows of the latter are deleted already, as are those of a job
-- that was deleted or replaced by another incarnation.
select k.job_id, k.incarnation
from unnest(@job_ids::bytea[], @incarnations::bigint[]) as k (job_id, incarnation)
left join lateral (
  select j.cancel_requested_at is null as runs
  from jobs j
  where j.job_id = k.job_id
    and j.incarnation = k.incarnation
  offset 0
) j on true
where j.runs is not true
