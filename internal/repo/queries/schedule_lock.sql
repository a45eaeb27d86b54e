-- Locks a schedule whose next slot is due, and returns its last job.
--
-- Guard: the declaration and the next slot are those that the caller has read,
-- and the slot is due by the clock of the database. No row is returned if
-- another process fires the slot, or has fired it.
select last_job_id
from schedules
where name = @name
  and declaration = @declaration
  and next_at = @next_at
  and next_at <= clock_timestamp()
  and paused_at is null
  and removed_at is null
for no key update skip locked
