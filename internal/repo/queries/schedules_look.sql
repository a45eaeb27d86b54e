-- Returns the schedules as their processes need them, and the time of the
-- database. Without a schedule there is one row without a name.
select
  t.now, s.name, s.declaration, s.next_at,
  s.paused_at is not null as paused,
  s.removed_at is not null as removed,
  s.declared_at < t.now - make_interval(secs => @quiet) as quiet,
  s.declared_at < t.now - make_interval(secs => @stale) as stale,
  s.declared_at < t.now - make_interval(secs => @abandoned) as abandoned
from (select clock_timestamp() as now) t
left join schedules s on true
order by s.name
