-- Records that queues are received from, and for which of them a receiver
-- waited without getting a message (idle).
--
-- Guard: the recorded time is older than the given seconds (every). The fleet
-- therefore writes each row rarely.
insert into receivers (queue, idle_at)
select q.queue, case when q.idle then clock_timestamp() else '-infinity' end
from unnest(@queues::smallint[], @idle::boolean[]) as q (queue, idle)
on conflict (queue) do update
set
  received_at = clock_timestamp(),
  idle_at = greatest(receivers.idle_at, excluded.idle_at)
where receivers.received_at < clock_timestamp() - make_interval(secs => @every)
   or (
     excluded.idle_at > '-infinity'
     and receivers.idle_at < clock_timestamp() - make_interval(secs => @every)
   )
