-- Releases a held message: it is due after a delay, and the attempt is not
-- counted. With parked_for, the message waits for a build that declares its
-- work.
--
-- Guard: this worker holds it under this attempt. Returns its queue.
update messages
set
  worker_id = null,
  claimed_at = null,
  locked_until = null,
  sent_at = null,
  send = send + 1,
  due_at = now() + make_interval(secs => @delay),
  parked_for = nullif(@parked_for, ''),
  parked_since = case when @parked_for = '' then null else coalesce(parked_since, now()) end
where job_id = @job_id
  and message_id = @message_id
  and worker_id = @worker
  and attempt = @attempt
returning queue
