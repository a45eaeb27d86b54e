-- Deletes the next rows of past generations of a stage from attempts, by their
-- place in the table (ctid).
--
-- Guard: the generation of the stage. It only grows, and a job that was deleted
-- and submitted again starts with a lower one.
delete from attempts
where ctid = any (array (
  select ctid
  from attempts
  where job_id = @job_id
    and stage = @stage
    and gen < @gen
    and exists (
      select
      from stages s
      where s.job_id = @job_id
        and s.stage = @stage
        and s.gen >= @gen
    )
  limit @most
))
