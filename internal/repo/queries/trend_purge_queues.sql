-- Deletes the oldest rows of queue_trends that are past their retention.
delete from queue_trends t
using (
  select minute, queue
  from queue_trends
  where minute < now() - make_interval(secs => @retention)
  order by minute, queue
  limit @most
) old
where t.minute = old.minute
  and t.queue = old.queue
