-- Deletes the next rows of past generations of a stage in attempts, by their place in the table. The guard is the stage's own generation:
-- it only grows, and a job that was submitted again begins with a lower one.
delete from attempts
where ctid = any (array (
  select ctid from attempts
  where job_id = @job_id and stage = @stage and gen < @gen
    and exists (select from stages s where s.job_id = @job_id and s.stage = @stage and s.gen >= @gen)
  limit @most
))
