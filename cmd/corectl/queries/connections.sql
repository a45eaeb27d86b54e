-- Connections that the server leaves to ordinary users. Locks nothing.
select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
