-- Ends the job as cancelled, and with it the fence, where nothing else of its work is left. The event says what was done.
with m as (
  delete from messages
  where job_id = @job_id and message_id = @message_id and dead_reason = @holder
    and not exists (select from messages o where o.job_id = @job_id and o.message_id <> @message_id)
  returning 1
),
j as (
  update jobs j
  set status = 'cancelled', finished_at = clock_timestamp(), version = j.version + 1
  where j.job_id = @job_id and j.finished_at is null and j.cancel_requested_at is not null and exists (select from m)
  returning j.job_id, j.status
),
told as (
  insert into events (job_id, kind, detail)
  select job_id, 'cancel_forced',
         json_build_object('by', @by::text, 'messages', @messages::int, 'tasks', @tasks::int, 'repaired', @repaired::int)
  from j
)
insert into events (job_id, kind, detail) select job_id, 'job_ended', json_build_object('status', status) from j
