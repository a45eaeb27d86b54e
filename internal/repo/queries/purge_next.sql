-- Returns jobs whose deletion has begun and has not ended.
select job_id, incarnation
from jobs
where finished_at is not null
  and purge_started_at is not null
order by finished_at
limit @most
