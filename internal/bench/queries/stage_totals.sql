-- Which stages of a job have started, and which are planned to their end.
select started_at is not null, total is not null from stages where job_id = $1 order by stage
