-- Makes a message that was delivered and not claimed due again later. The delivery does not count. Where another transport carries it and
-- drops what it has seen before, it is a new send, with deliveries of its own. Not landed: it was claimed, set aside or sent again
-- meanwhile, and this delivery means nothing any more.
update messages
set due_at = now() + make_interval(secs => @delay), sent_at = null, locked_until = null,
    send = send + @resend::bool::int, deliveries = case when @resend then 0 else greatest(deliveries - 1, 0) end
where job_id = @job_id and message_id = @message_id and send = @send and worker_id is null and dead_reason is null
