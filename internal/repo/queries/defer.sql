-- Makes a message due again later that was delivered and not claimed. The
-- delivery is not counted. For a transport that drops duplicates, resend makes
-- it a new send, with a delivery count of its own.
--
-- Guard: the send number, and that the message is neither held nor dead.
-- Otherwise it was claimed, set aside or sent again in the meantime, and this
-- delivery no longer matters.
update messages
set
  due_at = now() + make_interval(secs => @delay),
  sent_at = null,
  locked_until = null,
  send = send + @resend::bool::int,
  deliveries = case when @resend then 0 else greatest(deliveries - 1, 0) end
where job_id = @job_id
  and message_id = @message_id
  and send = @send
  and worker_id is null
  and dead_reason is null
