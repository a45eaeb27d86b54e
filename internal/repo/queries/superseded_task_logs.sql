-- Deletes the next rows of past generations of a stage from task_logs, by their
-- place in the table (ctid). At most @bytes are deleted.
--
-- Guard: the generation of the stage. It only grows, and a job that was deleted
-- and submitted again starts with a lower one.
delete from task_logs
where ctid = any (array (
  select place
  from (
    select place, row_number() over w as n, sum(size) over w as upto
    from (
      select ctid as place, octet_length(lines) as size
      from task_logs
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
    ) x
    window w as (rows unbounded preceding)
  ) x
  where upto <= @bytes::bigint
    or n = 1
))
