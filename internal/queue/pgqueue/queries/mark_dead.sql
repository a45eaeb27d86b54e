-- Records on message rows that their transport made the messages dead letters.
--
-- Guard: the message is not held, and was not claimed or sent again in the
-- meantime; otherwise its work continues and it is left alone. A row that was
-- not yet marked as sent counts as sent.
--
-- Locks: messages in key order.
with
-- The messages, in key order.
given as materialized (
  select *
  from unnest(
    @job_ids::bytea[], @message_ids::bigint[], @sends::int[], @attempts::int[],
    @deliveries::int[], @reasons::text[]
  ) as k (job_id, message_id, send, attempt, deliveries, reason)
  order by k.job_id, k.message_id
),
-- Locks them.
locked as materialized (
  select m.job_id, m.message_id, k.deliveries, k.reason
  from given k
  cross join lateral (
    select m.job_id, m.message_id
    from messages m
    where m.job_id = k.job_id
      and m.message_id = k.message_id
      and m.send = k.send
      and m.attempt = k.attempt
      and m.worker_id is null
      and m.dead_reason is null
    offset 0
    for no key update
  ) m
)
update messages m
set
  dead_reason = l.reason,
  deliveries = l.deliveries,
  due_at = now(),
  sent_at = coalesce(m.sent_at, now()),
  locked_until = null
from locked l
where m.job_id = l.job_id
  and m.message_id = l.message_id
