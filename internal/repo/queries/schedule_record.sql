-- Records a job that an operator started, or a backfill. The overlap rule looks
-- at the job of a trigger.
with
-- Notes the last job.
noted as (
  update schedules
  set last_job_id = coalesce(@job_id::bytea, last_job_id)
  where name = @name
  returning name
),
-- Keeps the newest entries.
trimmed as (
  delete from schedule_runs r
  where r.name = @name
    and r.run_id < (
      select k.run_id
      from schedule_runs k
      where k.name = @name
      order by k.run_id desc
      offset @keep
      limit 1
    )
)
insert into schedule_runs (name, outcome, slot, slots, job_id, by)
select name, @outcome, @slot, @slots, @job_id, @by
from noted
