-- Deletes the next rows of a marked job from result_parts, by their place in
-- the table (ctid), so that a batch costs only its own rows.
--
-- Guard: the mark of this incarnation. In a snapshot that contains it, every
-- row of the job id belongs to this incarnation.
delete from result_parts
where ctid = any (array (
  select ctid
  from result_parts
  where job_id = @job_id
    and exists (
      select
      from jobs j
      where j.job_id = @job_id
        and j.incarnation = @incarnation
        and j.purge_started_at is not null
    )
  limit @most
))
