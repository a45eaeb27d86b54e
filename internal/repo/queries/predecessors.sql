-- Results of the stage that a stage follows, for a range of indexes.
select t.index, t.result
from stages s join tasks t on t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen
where s.job_id = @job_id and s.stage = @stage and t.index >= @first and t.index < @first + @count and t.status = 'completed'
