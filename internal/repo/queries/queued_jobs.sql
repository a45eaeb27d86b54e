-- Returns whether the number of open jobs has reached the limit. The index scan
-- stops at the limit.
select count(*) >= @most
from (
  select 1
  from jobs
  where status in ('queued', 'running')
  limit @most
) j
