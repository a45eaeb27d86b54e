-- Returns the versions of the jobs that a process waits for, in one statement.
-- A job that was deleted has no row.
select j.job_id, j.status, j.incarnation, j.version, coalesce(c.sum, 0) as counters
from unnest(@job_ids::bytea[]) as k (job_id)
join jobs j on j.job_id = k.job_id
cross join lateral (
  select
    sum(s.planned::bigint + s.dispatched + s.completed + s.failed + s.cancelled)::bigint as sum
  from stages s
  where s.job_id = j.job_id
) c
where j.purge_started_at is null
