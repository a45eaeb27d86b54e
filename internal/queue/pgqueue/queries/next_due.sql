-- Returns the seconds until the next message of a queue is due, or no row if
-- none waits.
select extract(epoch from due_at - clock_timestamp())::float8
from messages
where queue = @queue
  and worker_id is null
  and sent_at is null
  and dead_reason is null
order by due_at
limit 1
