-- Resumes a schedule at its next slot. A repeat finds its own effect and does
-- not move the slot.
--
-- Guard: the declaration is the one that the slot was computed from, and the
-- running build declares it.
update schedules
set
  next_at = case when paused_at is null then next_at else @next end,
  paused_at = null,
  paused_by = ''
where name = @name
  and declaration = @declaration
  and removed_at is null
