-- Releases the lock of a delivery and makes its row due immediately.
--
-- Guard: the delivery still has its lock, and no worker has claimed the
-- message.
update messages
set due_at = now(), locked_until = null
where job_id = @job_id
  and message_id = @message_id
  and send = @send
  and deliveries = @deliveries
  and locked_until is not null
  and worker_id is null
