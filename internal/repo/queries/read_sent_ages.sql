-- Returns, by queue, how long the oldest message that a transport has been
-- handed waits for a worker. It looks at the messages that were sent first, up
-- to the limit: messages_sent is in that order across all queues.
select m.queue, extract(epoch from now() - min(m.sent_at))::float8 as seconds
from (
  select queue, sent_at
  from messages
  where sent_at is not null
    and worker_id is null
    and dead_reason is null
  order by sent_at
  limit @most
) m
group by m.queue
