-- Renews a lease that has not ended; one that has ended stays ended, since others may have requeued its work. The clock is read when the row
-- is locked: a renewal that had to wait for others to requeue finds the lease ended.
update workers set lease_until = now() + make_interval(secs => @lease)
where worker_id = @worker and lease_until > clock_timestamp()
