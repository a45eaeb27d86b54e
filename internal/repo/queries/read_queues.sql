-- Returns how deep each queue is. Each count reads an index of messages and
-- stops at the limit.
select
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
  )::int as ready,
  (
    select count(*)
    from (
      select
      from messages m
      where m.queue = q.queue
        and m.worker_id is null and m.sent_at is null and m.dead_reason is null
        and m.due_at > now()
        and (m.locked_until is null or m.locked_until <= now())
      limit @most
    ) x
  )::int as scheduled,
  (
    (
      select count(*)
      from (
        select
        from messages m
        where m.queue = q.queue
          and m.worker_id is null and m.sent_at is null and m.dead_reason is null
          and m.due_at > now()
          and m.locked_until > now()
        limit @most
      ) x
    )
    + (
      select count(*)
      from (
        select
        from messages m
        where m.queue = q.queue
          and m.sent_at is not null and m.worker_id is null and m.dead_reason is null
        limit @most
      ) x
    )
  )::int as sent,
  (
    select count(*)
    from (
      select
      from messages m
      where m.queue = q.queue
        and m.worker_id is not null
      limit @most
    ) x
  )::int as held,
  (
    select count(*)
    from (
      select
      from messages m
      where m.queue = q.queue
        and m.dead_reason is not null
      limit @most
    ) x
  )::int as dead,
  (
    select extract(epoch from now() - m.due_at)::float8
    from messages m
    where m.queue = q.queue
      and m.worker_id is null and m.sent_at is null and m.dead_reason is null
      and m.due_at <= now()
    order by m.queue, m.due_at
    limit 1
  ) as oldest_seconds
from unnest(@queues::smallint[]) with ordinality as q (queue, n)
order by q.n
