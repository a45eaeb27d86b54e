-- Lists messages whose holder's lease has ended: by holder and attempt, and of these in lock order. It finds the holders by walking the index of
-- held messages from one holder to the next, so that a look that finds nothing reads a row for each process that works.
with recursive holder as (
  (select worker_id from messages where worker_id is not null order by worker_id limit 1)
  union all
  select (select m.worker_id from messages m where m.worker_id > h.worker_id order by m.worker_id limit 1)
  from holder h where h.worker_id is not null
)
select m.worker_id, m.job_id, m.message_id, m.kind, m.attempt, m.first, m.count
from holder h
cross join lateral (
  select m.* from messages m where m.worker_id = h.worker_id offset 0
) m
where h.worker_id is not null
  and not exists (select from workers w where w.worker_id = h.worker_id and w.lease_until > now())
order by m.worker_id, m.attempt, m.job_id, m.message_id
limit @most
