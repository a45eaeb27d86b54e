-- Lets one transaction at a time count the open jobs and add to them, in all processes; the table's own number is the key.
select pg_advisory_xact_lock('jobs'::regclass::oid::bigint)
