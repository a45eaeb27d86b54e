-- Takes notifications that are due, the oldest first, and counts a try of each.
--
-- Guard: neither delivered nor failed. No other process takes them before the
-- lock time is over.
with
-- Locks them.
due as materialized (
  select n.job_id, n.attempt
  from notifications n
  where n.delivered_at is null
    and n.failed_at is null
    and n.due_at <= now()
  order by n.due_at
  limit @most
  for no key update skip locked
)
update notifications n
set
  tries = n.tries + 1,
  due_at = now() + make_interval(secs => @lock)
from due d
where n.job_id = d.job_id
  and n.attempt = d.attempt
returning
  n.job_id, n.attempt, n.incarnation, n.callback_url, n.data, n.created_at, n.tries,
  extract(epoch from now() - n.created_at)::float8 as age
