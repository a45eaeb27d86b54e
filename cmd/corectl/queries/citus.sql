-- Whether Citus is installed where the search_path finds it.
select to_regclass('pg_dist_partition') is not null
