-- Returns how many connections the server leaves to ordinary users.
select
  current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
