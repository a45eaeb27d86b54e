-- Where a stage's results end, and whether any of its tasks emitted parts.
select s.stage, s.gen, coalesce(s.total, 0) as total,
       exists (select from result_parts p where p.job_id = s.job_id and p.stage = s.stage and p.gen = s.gen) as parts
from stages s where s.job_id = @job_id and s.name = @name
