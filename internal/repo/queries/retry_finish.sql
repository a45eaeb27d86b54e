-- Writes a finish message (kind 3; kind 6 if there are finally stages) for a job
-- whose other stages have all ended, so that its result function runs again.
insert into messages (job_id, queue, kind, traceparent)
select job_id, 1, case when finally_stages > 0 then 6 else 3 end, traceparent
from jobs
where job_id = @job_id
  and pending_stages = finally_stages
