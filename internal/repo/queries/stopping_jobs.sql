-- Jobs that this worker holds work of and that are being stopped.
select distinct j.job_id
from messages m join jobs j using (job_id)
where m.worker_id = @worker and m.kind <> 4 and j.cancel_requested_at is not null
