-- Returns how long each of these jobs took, in seconds.
select extract(epoch from j.finished_at - j.created_at)::float8
from unnest($1::bytea[]) as k (job_id)
join jobs j on j.job_id = k.job_id
