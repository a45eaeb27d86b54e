-- Stops the schedules that no running process declares. This process does not
-- declare them, and neither does any other: processes that do write the rows.
-- Several apps can therefore declare different schedules in one schema.
--
-- Guard: no process has written the row for long (abandoned). Locks: schedules by
-- name.
update schedules s
set removed_at = clock_timestamp(), declared_at = clock_timestamp(), next_at = null
from (
  select name
  from schedules
  where removed_at is null
    and not name = any (@names::text[])
    and declared_at < clock_timestamp() - make_interval(secs => @abandoned)
  order by name
  for no key update
) g
where s.name = g.name
