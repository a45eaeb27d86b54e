-- Makes sure that one transaction at a time, of all processes, counts the open
-- jobs and adds to them. The key of the lock is the table's own number.
select pg_advisory_xact_lock('jobs'::regclass::oid::bigint)
