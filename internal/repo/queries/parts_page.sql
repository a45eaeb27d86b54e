-- One page of the parts that a task's completed attempt emitted.
select part, data from result_parts
where job_id = @job_id and stage = @stage and gen = @gen and index = @index and attempt = @attempt and part >= @from
order by part
limit @most
