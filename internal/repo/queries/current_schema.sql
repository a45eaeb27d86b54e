-- Returns the schema that unqualified names resolve to. Each schema is migrated
-- separately, under its own lock.
select coalesce(current_schema(), '')
