-- Notifies other processes that a row of a queue is due. The sender's ID allows
-- the sender to ignore its own notification. NOTIFY takes a lock that
-- serializes commits, so never run this in a transaction that does anything
-- else.
select pg_notify('coremachine_' || current_schema(), @queue::int || ' ' || @sender::text)
