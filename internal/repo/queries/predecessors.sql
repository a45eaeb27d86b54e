-- Results of the stage that a stage follows, for a range of indexes. The gen comes from a subquery, so that the whole key is known
-- before the index is read: joined, the range would be read through without it.
select t.index, t.result
from tasks t
where t.job_id = @job_id and t.stage = @stage and t.index >= @first and t.index < @first + @count and t.status = 'completed'
  and t.gen = (select s.gen from stages s where s.job_id = @job_id and s.stage = @stage)
