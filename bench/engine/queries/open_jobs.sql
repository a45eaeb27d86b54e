-- Returns how many of these jobs have not ended.
select count(*)
from unnest($1::bytea[]) as k (job_id)
join jobs j on j.job_id = k.job_id
where j.finished_at is null
