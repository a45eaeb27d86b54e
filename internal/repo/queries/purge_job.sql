-- Deletes a marked job and its stages, as the last step of a deletion.
--
-- Guard: the mark of this incarnation. The job stays if a row of it was written
-- in the meantime, and the deletion continues.
--
-- Locks: the stages before the job, as a retry does. done: no row of this
-- incarnation is left.
with
-- Locks the stages.
locked as materialized (
  select s.stage
  from stages s
  where s.job_id = @job_id
    and exists (
      select
      from jobs j
      where j.job_id = @job_id
        and j.incarnation = @incarnation
        and j.purge_started_at is not null
    )
  order by s.stage
  for update of s
),
-- Deletes the job. The count of locked stages makes sure that they are locked
-- first.
deleted as (
  delete from jobs j
  where j.job_id = @job_id
    and j.incarnation = @incarnation
    and j.purge_started_at is not null
    and (select count(*) from locked) >= 0
    and not exists (select from messages m where m.job_id = @job_id)
    and not exists (select from tasks t where t.job_id = @job_id)
    and not exists (select from attempts a where a.job_id = @job_id)
    and not exists (select from result_parts p where p.job_id = @job_id)
    and not exists (select from events e where e.job_id = @job_id)
    and not exists (
      select
      from task_logs l
      where l.job_id = @job_id
        and l.incarnation = @incarnation
    )
  returning 1
)
select
  exists (select from deleted)
    or not exists (
      select
      from jobs j
      where j.job_id = @job_id
        and j.incarnation = @incarnation
    ) as done
