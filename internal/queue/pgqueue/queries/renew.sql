-- Extends the lock of a delivery.
--
-- Guard: the lock has not expired, and no worker has claimed the message.
-- Returns when the lock expires.
update messages
set
  due_at = now() + make_interval(secs => @lock),
  locked_until = now() + make_interval(secs => @lock)
where job_id = @job_id
  and message_id = @message_id
  and send = @send
  and deliveries = @deliveries
  and locked_until > now()
  and worker_id is null
returning locked_until
