-- Returns the newest migration that was applied to this schema. goose appends a
-- row for each migration and never changes one.
select coalesce(max(version_id), 0)::bigint
from coremachine_schema_version
where is_applied
