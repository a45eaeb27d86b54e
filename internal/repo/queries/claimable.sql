-- Returns whether a claim of a message could succeed: the message exists, no
-- worker holds it, it is not dead, and its job is not being stopped.
select exists (
  select
  from messages m
  join jobs j using (job_id)
  where m.job_id = @job_id
    and m.message_id = @message_id
    and m.worker_id is null
    and m.dead_reason is null
    and j.cancel_requested_at is null
)
