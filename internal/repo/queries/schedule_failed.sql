-- Records why the next slot of a schedule has not started a job.
--
-- Guard: the slot is still the next one.
update schedules
set error = @error, error_at = clock_timestamp()
where name = @name
  and next_at = @next_at
