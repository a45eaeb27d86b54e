-- Lists messages whose holder's lease has ended, ordered by holder and attempt
-- and then in lock order. It locks nothing.
--
-- It finds the holders by walking the index of held messages from one worker to
-- the next, so that a pass that finds nothing reads one row for each worker.
with recursive
-- The workers that hold messages.
holder as (
  (
    select worker_id
    from messages
    where worker_id is not null
    order by worker_id
    limit 1
  )
  union all
  select (
    select m.worker_id
    from messages m
    where m.worker_id > h.worker_id
    order by m.worker_id
    limit 1
  )
  from holder h
  where h.worker_id is not null
)
select m.worker_id, m.job_id, m.message_id, m.kind, m.attempt, m.first, m.count
from holder h
cross join lateral (
  select m.*
  from messages m
  where m.worker_id = h.worker_id
  offset 0
) m
where h.worker_id is not null
  and not exists (
    select from workers w where w.worker_id = h.worker_id and w.lease_until > now()
  )
order by m.worker_id, m.attempt, m.job_id, m.message_id
limit @most
