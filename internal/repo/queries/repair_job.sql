-- Gives an idle job the message that its own record calls for: a stop when it is being stopped, a result when its stages have ended.
with j as (
  select job_id, cancel_requested_at is not null as stopping, stages_left from jobs
  where job_id = @job_id and finished_at is null and not exists (select from messages m where m.job_id = jobs.job_id)
  for no key update
)
insert into messages (job_id, queue, kind)
select job_id, 1, case when stopping then 4 else 3 end from j where stopping or stages_left = 0
