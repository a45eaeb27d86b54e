-- Stops the schedules that the running build does not declare.
--
-- Guard: as in schedules_declare. Locks: schedules by name.
update schedules s
set removed_at = clock_timestamp(), declared_at = clock_timestamp(), next_at = null
from (
  select name
  from schedules
  where removed_at is null
    and not name = any (@names::text[])
    and (@force or declared_at < clock_timestamp() - make_interval(secs => @stale))
  order by name
  for no key update
) g
where s.name = g.name
