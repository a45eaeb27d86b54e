-- The process that serves this session. A pooler gives its clients other numbers.
select pg_backend_pid()
