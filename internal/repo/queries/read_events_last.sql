-- Returns the newest entries of a job's timeline before a given one, newest
-- first. It reads no other entries.
select
  e.event_id, e.at, e.kind, coalesce(s.name, '') as stage, e.index, e.detail,
  null::bigint as edge
from events e
left join stages s on s.job_id = e.job_id and s.stage = e.stage
where e.job_id = @job_id
  and e.event_id < @before
order by e.job_id desc, e.event_id desc
limit @most
