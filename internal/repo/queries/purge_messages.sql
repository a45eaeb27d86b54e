-- Deletes the next messages of a marked job, first of all its rows: nobody can write for it without one. An ended job has none, unless
-- the accounting is wrong.
with m as materialized (
  select m.job_id, m.message_id from messages m
  where m.job_id = @job_id
    and exists (select from jobs j where j.job_id = @job_id and j.incarnation = @incarnation and j.purge_started_at is not null)
  order by m.job_id, m.message_id
  limit @most
  for update of m
)
delete from messages x using m where x.job_id = m.job_id and x.message_id = m.message_id
