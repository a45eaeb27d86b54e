-- Pauses a schedule. A repeat finds its own effect.
--
-- Guard: the running build declares the schedule.
update schedules
set
  paused_at = coalesce(paused_at, clock_timestamp()),
  paused_by = case when paused_at is null then @by else paused_by end,
  next_at = null
where name = @name
  and removed_at is null
