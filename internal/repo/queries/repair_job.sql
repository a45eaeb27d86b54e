-- Writes the message that an open job without messages needs: a stop message
-- (kind 4) if it is being stopped, a finish message (kind 3) if its stages have
-- ended, and a message of kind 6 if only finally stages are left and none has
-- begun.
--
-- Guard: the job is open and has no message. Locks: the job.
with
-- Locks the job.
idle as (
  select
    job_id, cancel_requested_at is not null as stopping, pending_stages, finally_stages,
    exists (
      select
      from stages s
      where s.job_id = jobs.job_id
        and s.finally
        and s.status not in ('waiting', 'cancelled')
    ) as begun
  from jobs
  where job_id = @job_id
    and finished_at is null
    and not exists (select from messages m where m.job_id = jobs.job_id)
  for no key update
)
insert into messages (job_id, queue, kind)
select
  job_id, 1,
  case when stopping then 4 when finally_stages > 0 then 6 else 3 end
from idle
where stopping
   or pending_stages = finally_stages and not begun
