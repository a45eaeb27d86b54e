-- Puts back all that a worker which stops in good order still holds.
with m as (
  select job_id, message_id from messages where worker_id = @worker order by job_id, message_id for no key update
),
r as (
  update messages x
  set worker_id = null, claimed_at = null, locked_until = null, sent_at = null, send = x.send + 1, due_at = now()
  from m where x.job_id = m.job_id and x.message_id = m.message_id
  returning x.queue
),
w as (delete from workers where worker_id = @worker)
select distinct queue from r
