-- The input of one task, which a page of inputs had no room for.
select t.input from tasks t where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = @index
