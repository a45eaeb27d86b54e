-- Renews a lease that has not ended; one that has ended stays ended, since others may have freed its work.
update workers set lease_until = now() + make_interval(secs => @lease)
where worker_id = @worker and lease_until > now()
