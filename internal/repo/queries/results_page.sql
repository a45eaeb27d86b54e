-- One page of the completed results of a stage, in index order. The stage's number and gen come from subqueries, so that the whole key
-- is known before the index is read.
select t.index, t.attempt, t.result
from tasks t
where t.job_id = @job_id and t.index >= @from and t.index < @from + @span and t.status = 'completed'
  and t.stage = (select s.stage from stages s where s.job_id = @job_id and s.name = @name)
  and t.gen = (select s.gen from stages s where s.job_id = @job_id and s.name = @name)
order by t.index
