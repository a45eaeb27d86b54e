-- Frees messages of kinds other than tasks whose holder's lease has ended; lost_tasks says why they are looked for and locked in two steps.
with dead as materialized (
  select m.job_id, m.message_id, m.worker_id from messages m
  where m.worker_id is not null and m.kind <> 2
    and not exists (select from workers w where w.worker_id = m.worker_id and w.lease_until > now())
  order by m.job_id, m.message_id
  limit @most
),
m as materialized (
  select m.job_id, m.message_id
  from dead d join messages m on m.job_id = d.job_id and m.message_id = d.message_id and m.worker_id = d.worker_id
  order by m.job_id, m.message_id
  for no key update of m skip locked
)
update messages x
set worker_id = null, claimed_at = null, locked_until = null, sent_at = null, send = x.send + 1, due_at = now(), losses = x.losses + 1
from m where x.job_id = m.job_id and x.message_id = m.message_id
returning x.job_id, x.message_id, x.kind, x.stage, x.losses
