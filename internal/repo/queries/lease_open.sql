-- Inserts the heartbeat row of a process. A repeat after a lost COMMIT answer
-- finds the row and extends the lease.
insert into workers (worker_id, lease_until, build, host, pid)
values (@worker, now() + make_interval(secs => @lease), @build, @host, @pid)
on conflict (worker_id) do update
set lease_until = excluded.lease_until
