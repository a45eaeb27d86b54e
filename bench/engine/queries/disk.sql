-- Returns the size of all tables of the schema with their indexes, and the
-- process of this connection.
select
  coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint,
  pg_backend_pid()
from pg_class c
where c.relnamespace = current_schema()::regnamespace
  and c.relkind = 'r'
