-- What the server has done so far: transactions that wrote, and bytes of write-ahead log. The counts of pg_stat_database come late.
select pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint
