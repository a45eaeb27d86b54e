-- Returns schedules, or one of them, with the status of their last jobs.
select
  s.name, s.declaration, s.next_at, s.paused_at, s.paused_by, s.removed_at,
  s.last_slot, s.last_job_id, j.status::text as last_status,
  s.fired, s.skipped, s.missed, coalesce(s.error, '') as error, s.error_at
from schedules s
left join jobs j on j.job_id = s.last_job_id and j.purge_started_at is null
where @name::text = '' or s.name = @name
order by s.name
limit 1000
