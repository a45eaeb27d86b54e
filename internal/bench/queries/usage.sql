-- What the database has done so far: commits, and bytes of write-ahead log.
select xact_commit, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint from pg_stat_database where datname = current_database()
