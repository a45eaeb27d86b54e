-- The newest entries of a job's history before one, the newest first: as many entries of the key are read.
select e.event_id, e.at, e.kind, coalesce(s.name, '') as stage, e.index, e.detail, null::bigint as edge
from events e left join stages s on s.job_id = e.job_id and s.stage = e.stage
where e.job_id = @job_id and e.event_id < @before
order by e.job_id desc, e.event_id desc
limit @most
