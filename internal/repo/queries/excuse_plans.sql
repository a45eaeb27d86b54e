-- Takes back the loss that was counted on messages of kinds other than tasks for a worker which lost its lease and came back. The count
-- that it claimed them with is the guard: a repeat finds it, and a later loss of another worker is left alone.
with k as materialized (
  select * from unnest(@job_ids::bytea[], @message_ids::bigint[], @attempts::int[], @losses::int[])
    as k (job_id, message_id, attempt, losses)
),
m as materialized (
  select k.*
  from k
  cross join lateral (
    select m.attempt, m.losses, m.kind from messages m
    where m.job_id = k.job_id and m.message_id = k.message_id
    offset 0
    for no key update
  ) m
  where m.kind <> 2 and m.losses = k.losses + 1 and m.attempt between k.attempt and k.attempt + 1
)
update messages x set losses = m.losses from m where x.job_id = m.job_id and x.message_id = m.message_id
