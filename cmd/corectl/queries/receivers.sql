-- Returns the queues from which a process received in the last $1 seconds, by
-- number.
select coalesce(array_agg(queue order by queue), '{}')
from receivers
where received_at > clock_timestamp() - make_interval(secs => $1)
