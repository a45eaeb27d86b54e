-- Sends messages again that were sent, or acknowledged without their work being
-- done. There are two reasons:
-- 1. Their stage has not progressed for 5 minutes, then 10, then 20.
-- 2. A process waited for messages of the queue after the message was sent and
--    got none, so the transport has lost it.
--
-- A new send number keeps the transport's duplicate detection from dropping the
-- message. Locks: messages in key order. Returns their queues.
with
-- The messages to send again, longest sent first.
stalled as materialized (
  select m.job_id, m.message_id
  from messages m
  left join stages s on m.kind in (1, 2, 5) and s.job_id = m.job_id and s.stage = m.stage
  where m.sent_at is not null
    and m.worker_id is null
    and m.dead_reason is null
    and m.sent_at < now() - make_interval(secs => @idle)
    and (
      m.sent_at < now() - make_interval(secs => @stall) * power(2, least(2, m.send - 1))
        and coalesce(s.progressed_at, '-infinity') < now() - make_interval(secs => @stall)
      or m.sent_at < now() - make_interval(secs => @idle) * power(2, least(5, m.send - 1))
        and exists (
          select
          from receivers r
          where r.queue = m.queue
            and r.idle_at > m.sent_at + make_interval(secs => @idle)
        )
    )
  order by m.sent_at
  limit @most
),
-- Locks them in key order, and checks again that they are still sent.
rechecked as materialized (
  select m.job_id, m.message_id
  from (
    select *
    from stalled m
    order by job_id, message_id
  ) m
  cross join lateral (
    select x.sent_at
    from messages x
    where x.job_id = m.job_id
      and x.message_id = m.message_id
      and x.worker_id is null
      and x.sent_at is not null
    offset 0
    for no key update skip locked
  ) x
),
-- Sends them again.
sent as (
  update messages x
  set
    sent_at = null,
    locked_until = null,
    deliveries = 0,
    send = x.send + 1,
    due_at = now()
  from rechecked l
  where x.job_id = l.job_id
    and x.message_id = l.message_id
  returning x.job_id, x.queue
),
-- Logs an event for each job.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'resent', json_build_object('messages', count(*))
  from sent
  group by job_id
)
select queue
from sent
