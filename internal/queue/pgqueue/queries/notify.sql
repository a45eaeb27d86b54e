-- Tells other processes that something is due in a queue, and who tells, who knows it. It takes a lock that serialises commits: never in
-- a transaction that does anything else.
select pg_notify('coremachine_' || current_schema(), @queue::int || ' ' || @teller::text)
