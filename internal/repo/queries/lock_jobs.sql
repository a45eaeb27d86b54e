-- Locks jobs in the order given, which is key order.
--
-- decrement_pending_stages then runs as a statement that began when no other
-- transaction could end a stage of these jobs. It sees the failures of every
-- stage that ended at the same time.
select count(*)
from unnest(@job_ids::bytea[]) as k (job_id)
cross join lateral (
  select
  from jobs j
  where j.job_id = k.job_id
  offset 0
  for no key update
) j
