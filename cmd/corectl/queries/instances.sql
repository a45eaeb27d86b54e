-- Processes that hold a lease.
select count(*)::int from workers where lease_until > now()
