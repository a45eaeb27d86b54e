-- Begins the forced cancel of an open job: the job is being stopped, its running stages run from the start after a retry, and a stop
-- message that is set aside, until the time that it is due, is the fence of what follows. Another forced cancel's fence is not touched
-- here: the last to begin wins.
with j as (
  update jobs
  set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()), version = version + 1, status = 'running',
      started_at = coalesce(started_at, now())
  where job_id = @job_id and finished_at is null
  returning job_id, traceparent
),
told as (
  insert into events (job_id, kind, detail)
  select job_id, 'cancel_requested', json_build_object('by', @by::text, 'force', true) from j
)
insert into messages (job_id, queue, kind, traceparent, dead_reason, due_at)
select job_id, 1, 4, traceparent, @holder, now() + make_interval(secs => @hold) from j
returning message_id
