-- Returns whether Citus is installed in a schema of the search_path.
select to_regclass('pg_dist_partition') is not null
