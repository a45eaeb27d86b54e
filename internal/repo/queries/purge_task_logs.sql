-- Deletes the next rows of a marked job from task_logs, by their place in the
-- table (ctid), so that a batch costs only its own rows. At most @bytes are
-- deleted.
--
-- Guard: the mark of this incarnation, which is on the rows as well.
delete from task_logs
where ctid = any (array (
  select place
  from (
    select place, row_number() over w as n, sum(size) over w as upto
    from (
      select ctid as place, octet_length(lines) as size
      from task_logs
      where job_id = @job_id
        and incarnation = @incarnation
        and exists (
          select
          from jobs j
          where j.job_id = @job_id
            and j.incarnation = @incarnation
            and j.purge_started_at is not null
        )
      limit @most
    ) x
    window w as (rows unbounded preceding)
  ) x
  where upto <= @bytes::bigint
    or n = 1
))
