-- The newest migration that was applied here. goose appends a row for each and never changes one.
select coalesce(max(version_id), 0)::bigint from coremachine_schema_version where is_applied
