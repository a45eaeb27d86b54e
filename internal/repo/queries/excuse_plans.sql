-- Takes back the loss that was counted on messages other than task messages for
-- a worker which lost its lease and came back.
--
-- Guard: the number of losses when the worker claimed the message. A repeat
-- finds that number, and a later loss of another worker is left alone.
--
-- Locks: messages in the order given, which is key order.
with
-- The messages, as the worker claimed them.
given as materialized (
  select *
  from unnest(@job_ids::bytea[], @message_ids::bigint[], @attempts::int[], @losses::int[])
    as k (job_id, message_id, attempt, losses)
),
-- Locks those that still carry the loss.
excused as materialized (
  select k.*
  from given k
  cross join lateral (
    select m.attempt, m.losses, m.kind
    from messages m
    where m.job_id = k.job_id
      and m.message_id = k.message_id
    offset 0
    for no key update
  ) m
  where m.kind <> 2
    and m.losses = k.losses + 1
    and m.attempt between k.attempt and k.attempt + 1
)
update messages x
set losses = m.losses
from excused m
where x.job_id = m.job_id
  and x.message_id = m.message_id
