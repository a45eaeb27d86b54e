-- The schema that unqualified names resolve to: each schema is migrated on its own, so each has its own lock.
select coalesce(current_schema(), '')
