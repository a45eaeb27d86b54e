-- Returns the jobs among these that have not ended.
select encode(j.job_id, 'hex')
from unnest($1::bytea[]) as k (job_id)
join jobs j on j.job_id = k.job_id
where j.finished_at is null
