-- Records that a notification was delivered (delivered), or failed permanently.
--
-- Guard: tries is the fence. It has not ended.
with
-- Ends it.
ended as (
  update notifications
  set
    delivered_at = case when @delivered then clock_timestamp() end,
    failed_at = case when not @delivered then clock_timestamp() end,
    error = nullif(@error, '')
  where job_id = @job_id
    and attempt = @attempt
    and tries = @tries
    and delivered_at is null
    and failed_at is null
  returning job_id, attempt, tries, error
)
insert into events (job_id, kind, detail)
select
  job_id,
  case when @delivered then 'notification_delivered' else 'notification_failed' end,
  json_strip_nulls(
    json_build_object('host', @host::text, 'attempt', attempt, 'tries', tries, 'error', error)
  )
from ended
