-- Deletes processes whose lease ended an hour ago and that hold no message.
delete from workers w
where w.lease_until < now() - interval '1 hour'
  and not exists (select from messages m where m.worker_id = w.worker_id)
