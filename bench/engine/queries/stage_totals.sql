-- Returns, for each stage of a job, whether it has started and whether its
-- planning has ended.
select started_at is not null, total is not null
from stages
where job_id = $1
order by stage
