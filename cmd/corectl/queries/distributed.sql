-- Returns the names of the tables in this schema that Citus distributes.
select coalesce(string_agg(c.relname, ', ' order by c.relname), '')
from pg_dist_partition d
join pg_class c on c.oid = d.logicalrelid
where c.relnamespace = current_schema()::regnamespace
