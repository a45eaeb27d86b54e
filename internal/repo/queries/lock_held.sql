-- The fence of a completion: locks the message rows in the order given, which is key order, and returns those that this
-- worker still holds under the attempt named, by their place in the list. The subquery is kept whole by OFFSET 0, so that each
-- row is reached by its key and locked in turn.
select k.n, m.tasks_left, m.queue, coalesce(m.traceparent, '') as traceparent,
       coalesce((select j.cancel_requested_at from jobs j where j.job_id = k.job_id), 'infinity') as stop_at
from unnest(@job_ids::bytea[], @message_ids::bigint[], @attempts::smallint[]) with ordinality as k (job_id, message_id, attempt, n)
cross join lateral (
  select m.attempt, m.worker_id, m.tasks_left, m.queue, m.traceparent
  from messages m
  where m.job_id = k.job_id and m.message_id = k.message_id
  offset 0
  for no key update
) m
where m.worker_id = @worker and m.attempt = k.attempt
