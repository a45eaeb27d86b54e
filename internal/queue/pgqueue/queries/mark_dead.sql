-- Records on rows that the transport dead-lettered their messages. It skips a
-- row that is claimed, or was claimed or sent again since then, because its
-- work continues. It also marks a row that is not yet recorded as sent. The
-- rows are locked in key order.
with k as materialized (
  select * from unnest(@job_ids::bytea[], @message_ids::bigint[], @sends::int[], @attempts::int[], @deliveries::int[], @reasons::text[])
    as k (job_id, message_id, send, attempt, deliveries, reason)
  order by k.job_id, k.message_id
),
l as materialized (
  select m.job_id, m.message_id, k.deliveries, k.reason
  from k
  cross join lateral (
    select m.job_id, m.message_id from messages m
    where m.job_id = k.job_id and m.message_id = k.message_id and m.send = k.send and m.attempt = k.attempt
      and m.worker_id is null and m.dead_reason is null
    offset 0 for no key update
  ) m
)
update messages m set dead_reason = l.reason, deliveries = l.deliveries, due_at = now(), sent_at = coalesce(m.sent_at, now()), locked_until = null
from l
where m.job_id = l.job_id and m.message_id = l.message_id
