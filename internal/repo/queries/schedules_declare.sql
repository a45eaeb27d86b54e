-- Declares schedules. A schedule that is new, that was removed, or whose
-- declaration differs, continues from its next slot.
--
-- Guard: a row with another declaration is replaced by a process that has just
-- started (force), or if no process has written it for a while (stale). Any
-- process that declares a removed schedule brings it back.
--
-- Locks: schedules in the order given, which is by name.
insert into schedules as s (name, declaration, next_at)
select k.name, k.declaration, k.next_at
from unnest(@names::text[], @declarations::text[], @next_ats::timestamptz[])
  as k (name, declaration, next_at)
on conflict (name) do update
set
  declaration = excluded.declaration,
  declared_at = clock_timestamp(),
  removed_at = null,
  next_at = case when s.paused_at is null then excluded.next_at end,
  error = null,
  error_at = null
where (s.declaration <> excluded.declaration or s.removed_at is not null)
  and (
    @force
    or s.removed_at is not null
    or s.declared_at < clock_timestamp() - make_interval(secs => @stale)
  )
