-- Returns the ID of the process that serves this session. A pooler reports a
-- different ID to its clients.
select pg_backend_pid()
