-- Returns how many processes hold a lease.
select count(*)
from workers
where lease_until > now()
