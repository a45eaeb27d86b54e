-- Returns where the results of a stage end, whether any of its tasks emitted
-- parts, and the facts by which the stage is matched with its declaration.
select
  s.stage, s.gen, s.task_type, s.kind, s.dependencies,
  coalesce(s.total, 0) as total,
  exists (
    select
    from result_parts p
    where p.job_id = s.job_id and p.stage = s.stage and p.gen = s.gen
  ) as parts
from stages s
where s.job_id = @job_id
  and s.name = @name
