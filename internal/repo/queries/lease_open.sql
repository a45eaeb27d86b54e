-- A process's one heartbeat row.
insert into workers (worker_id, lease_until, build, host, pid)
values (@worker, now() + make_interval(secs => @lease), @build, @host, @pid)
