-- Locks jobs in the order given, which is key order, ahead of lower_jobs. That one is then a statement that began when nobody else could
-- end a stage of theirs: it sees the failures of every stage that ended beside.
select count(*)
from unnest(@job_ids::bytea[]) as k (job_id)
cross join lateral (select from jobs j where j.job_id = k.job_id offset 0 for no key update) j
