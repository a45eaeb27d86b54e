-- How long the oldest message that a transport was handed has waited for a worker, by queue. Of the @most that were sent first, which
-- bounds what is read: messages_sent is in that order, whatever the queue.
select m.queue, extract(epoch from now() - min(m.sent_at))::float8 as seconds
from (
  select queue, sent_at from messages where sent_at is not null and worker_id is null and dead_reason is null order by sent_at limit @most
) m
group by m.queue
