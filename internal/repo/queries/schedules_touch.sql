-- Notes that a process declares schedules. The fleet writes a row at most once in
-- a while (quiet).
--
-- Guard: the row is as this process declares it. Locks: schedules by name,
-- without those that are locked.
update schedules s
set declared_at = clock_timestamp()
from (
  select s.name
  from schedules s
  join unnest(@names::text[], @declarations::text[]) as k (name, declaration)
    on k.name = s.name
  where s.declared_at < clock_timestamp() - make_interval(secs => @quiet)
    and s.removed_at is null
    and k.declaration = s.declaration
  order by s.name
  for no key update of s skip locked
) g
where s.name = g.name
