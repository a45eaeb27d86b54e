-- Extends a lease.
--
-- Guard: the lease has not ended. A lease that has ended stays ended, since
-- other processes may have requeued its work. clock_timestamp() is read when
-- the row is locked, so a renewal that waited for such a process finds the
-- lease ended.
update workers
set lease_until = now() + make_interval(secs => @lease)
where worker_id = @worker
  and lease_until > clock_timestamp()
