-- Keeps the fence of a forced cancel for another while. Not landed: it is gone, or was sent again, and another stop decides.
update messages set due_at = now() + make_interval(secs => @hold)
where job_id = @job_id and message_id = @message_id and dead_reason = @holder
