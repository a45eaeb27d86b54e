-- Records the queues of the current minute, by the time of the database. Counts
-- read an index of messages and stop at the limit.
--
-- Guard: one row for each minute and queue. A sweep that finds the rows of its
-- minute changes nothing.
insert into queue_trends (minute, queue, waiting, dead, oldest_seconds)
select
  date_trunc('minute', now()),
  q.queue,
  (
    select count(*)
    from (
      select
      from messages m
      where m.queue = q.queue
        and m.worker_id is null and m.sent_at is null and m.dead_reason is null
        and m.due_at <= now()
      limit @most
    ) x
  ) + (
    select count(*)
    from (
      select
      from messages m
      where m.queue = q.queue
        and m.worker_id is null and m.sent_at is not null and m.dead_reason is null
      limit @most
    ) x
  ),
  (
    select count(*)
    from (
      select
      from messages m
      where m.queue = q.queue
        and m.dead_reason is not null
      limit @most
    ) x
  ),
  coalesce(
    (
      select extract(epoch from now() - m.due_at)::float8
      from messages m
      where m.queue = q.queue
        and m.worker_id is null and m.sent_at is null and m.dead_reason is null
        and m.due_at <= now()
      order by m.queue, m.due_at
      limit 1
    ),
    0
  )
from unnest(@queues::smallint[]) as q (queue)
order by q.queue
on conflict (minute, queue) do nothing
