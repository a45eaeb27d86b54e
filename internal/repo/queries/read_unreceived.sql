-- Returns the queues with messages that have waited for some seconds (after)
-- while no process received from them. Of the messages that a transport was
-- handed, it looks at the oldest thousand only, so that the cost does not
-- depend on how many wait.
with
-- The queues that no process has received from lately.
silent as materialized (
  select q.queue
  from unnest(@queues::smallint[]) as q (queue)
  where not exists (
    select
    from receivers r
    where r.queue = q.queue
      and r.received_at > clock_timestamp() - make_interval(secs => @after)
  )
),
-- The oldest messages that a transport was handed.
sent as materialized (
  select m.queue, m.sent_at
  from messages m
  where m.sent_at is not null
    and m.worker_id is null
    and m.dead_reason is null
    and exists (select from silent)
  order by m.sent_at
  limit 1000
)
select s.queue
from silent s
where exists (
    select
    from messages m
    where m.queue = s.queue
      and m.worker_id is null
      and m.sent_at is null
      and m.dead_reason is null
      and m.due_at < clock_timestamp() - make_interval(secs => @after)
  )
  or exists (
    select
    from sent
    where sent.queue = s.queue
      and sent.sent_at < clock_timestamp() - make_interval(secs => @after)
  )
order by s.queue
