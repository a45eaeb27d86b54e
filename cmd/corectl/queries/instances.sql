-- Returns how many processes hold a lease.
select count(*)::int
from workers
where lease_until > now()
