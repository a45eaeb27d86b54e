-- One page of the completed results of a stage, in index order.
select t.index, t.attempt, t.result
from stages s join tasks t on t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen
where s.job_id = @job_id and s.name = @name and t.index >= @from and t.index < @from + @span and t.status = 'completed'
order by t.index
