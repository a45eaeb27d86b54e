-- Deletes the next messages of a marked job, before all its other rows: without
-- a message no process can write for the job. A job that has ended has no
-- message unless an invariant was violated.
--
-- Guard: the mark of this incarnation. Locks: messages in key order.
with
-- Locks the messages.
locked as materialized (
  select m.job_id, m.message_id
  from messages m
  where m.job_id = @job_id
    and exists (
      select
      from jobs j
      where j.job_id = @job_id
        and j.incarnation = @incarnation
        and j.purge_started_at is not null
    )
  order by m.job_id, m.message_id
  limit @most
  for update of m
)
delete from messages x
using locked m
where x.job_id = m.job_id
  and x.message_id = m.message_id
