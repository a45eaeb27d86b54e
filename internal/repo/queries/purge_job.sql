-- Deletes the job and its stages, last of all. Where something of it was written since it was looked for, the job stays, and the
-- deletion continues. Stages are locked before the job, as a retry does. done: the row of this incarnation is gone.
with s as materialized (
  select s.stage from stages s
  where s.job_id = @job_id
    and exists (select from jobs j where j.job_id = @job_id and j.incarnation = @incarnation and j.purge_started_at is not null)
  order by s.stage
  for update of s
),
gone as (
  delete from jobs j
  where j.job_id = @job_id and j.incarnation = @incarnation and j.purge_started_at is not null and (select count(*) from s) >= 0
    and not exists (select from messages m where m.job_id = @job_id)
    and not exists (select from tasks t where t.job_id = @job_id)
    and not exists (select from attempts a where a.job_id = @job_id)
    and not exists (select from result_parts p where p.job_id = @job_id)
    and not exists (select from events e where e.job_id = @job_id)
  returning 1
)
select exists (select from gone) or not exists (select from jobs j where j.job_id = @job_id and j.incarnation = @incarnation) as done
