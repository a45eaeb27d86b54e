-- Tells other processes that something is due in a queue. It takes a lock that serialises commits: never in a transaction that does
-- anything else.
select pg_notify('coremachine_' || current_schema(), (@queue::int)::text)
