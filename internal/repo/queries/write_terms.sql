-- Writes terms of jobs, after the rows of the jobs in the same transaction. A
-- term that a job has gets the new value.
--
-- Locks: the terms in key order. The caller holds the locks of the jobs.
insert into job_terms (job_id, term, value, created_at)
select k.job_id, k.term, k.value, j.created_at
from unnest(@job_ids::bytea[], @terms::text[], @term_values::text[]) as k (job_id, term, value)
join jobs j on j.job_id = k.job_id
order by k.job_id, k.term collate "C"
on conflict (job_id, term) do update
set value = excluded.value
where job_terms.value <> excluded.value
