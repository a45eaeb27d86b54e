-- Notes that queues are received from. A note that is young enough is left as it
-- is, so that a fleet writes each row once in a while only.
insert into receivers (queue) select unnest(@queues::smallint[])
on conflict (queue) do update set received_at = clock_timestamp()
where receivers.received_at < clock_timestamp() - make_interval(secs => @every)
