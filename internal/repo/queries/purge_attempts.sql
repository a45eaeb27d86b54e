-- Deletes the next rows of a marked job from attempts, by their place in the
-- table (ctid), so that a batch costs only its own rows. At most @bytes are
-- deleted, or one larger row.
--
-- Guard: the mark of this incarnation. In a snapshot that contains it, every
-- row of the job id belongs to this incarnation.
delete from attempts
where ctid = any (array (
  select place
  from (
    select place, row_number() over w as n, sum(size) over w as upto
    from (
      select ctid as place, octet_length(error) + coalesce(octet_length(stack), 0) as size
      from attempts
      where job_id = @job_id
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
