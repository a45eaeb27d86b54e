-- Deletes the next rows of a marked job in attempts, by their place in the table: a batch costs its own rows. The guard is the mark of this
-- incarnation: in a snapshot where it stands, every row of the job id belongs to it.
delete from attempts
where ctid = any (array (
  select ctid from attempts
  where job_id = @job_id
    and exists (select from jobs j where j.job_id = @job_id and j.incarnation = @incarnation and j.purge_started_at is not null)
  limit @most
))
