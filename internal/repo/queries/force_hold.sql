-- Extends the hold of a forced cancel on its fence.
--
-- Guard: the fence exists and was not sent again. Otherwise another stop
-- decides.
update messages
set due_at = now() + make_interval(secs => @hold)
where job_id = @job_id
  and message_id = @message_id
  and dead_reason = @holder
