-- Records why a try failed, and when the next one is due.
--
-- Guard: tries is the fence. The notification has not ended.
update notifications
set due_at = now() + make_interval(secs => @delay), error = @error
where job_id = @job_id
  and attempt = @attempt
  and tries = @tries
  and delivered_at is null
  and failed_at is null
