-- Returns the input of one task that did not fit on a page of inputs.
select t.input
from tasks t
where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = @index
