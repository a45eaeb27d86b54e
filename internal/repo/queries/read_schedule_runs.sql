-- Returns what became of the last slots of a schedule, newest first, with the
-- status of their jobs.
select r.at, r.outcome, r.slot, r.slots, r.job_id, j.status::text as status, r.by
from schedule_runs r
left join jobs j on j.job_id = r.job_id and j.purge_started_at is null
where r.name = @name
order by r.run_id desc
limit @most
