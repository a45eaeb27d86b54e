-- How many jobs have each status, counted by index up to @most.
select w.status, (select count(*) from (select from jobs j where j.status = w.status::job_status limit @most) x)::int as count
from unnest(@statuses::text[]) as w (status)
