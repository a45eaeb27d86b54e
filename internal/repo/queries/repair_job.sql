-- Writes the message that an open job without messages needs: a stop message
-- (kind 4) if it is being stopped, a finish message (kind 3) if its stages have
-- ended.
--
-- Guard: the job is open and has no message. Locks: the job.
with
-- Locks the job.
idle as (
  select job_id, cancel_requested_at is not null as stopping, pending_stages
  from jobs
  where job_id = @job_id
    and finished_at is null
    and not exists (select from messages m where m.job_id = jobs.job_id)
  for no key update
)
insert into messages (job_id, queue, kind)
select job_id, 1, case when stopping then 4 else 3 end
from idle
where stopping
   or pending_stages = 0
