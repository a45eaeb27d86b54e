-- Returns open jobs without any message: nothing would ever continue them.
-- There are none unless an invariant was violated.
select j.job_id
from jobs j
where j.status in ('queued', 'running')
  and not exists (select from messages m where m.job_id = j.job_id)
order by j.created_at
limit @most
