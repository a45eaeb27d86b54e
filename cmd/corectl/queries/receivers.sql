-- Returns the queues from which a process received in the last $1 seconds, by
-- number. Also returns how many processes hold a lease, and how many of these
-- started before that time.
select
  (
    select coalesce(array_agg(queue order by queue), '{}')
    from receivers
    where received_at > clock_timestamp() - make_interval(secs => $1)
  ),
  count(*)::int,
  (count(*) filter (where started_at < clock_timestamp() - make_interval(secs => $1)))::int
from workers
where lease_until > now()
