-- Returns what the server has done so far: the number of transactions that
-- wrote, and the bytes of write-ahead log. The counts of pg_stat_database come
-- late.
select
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
  pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint
