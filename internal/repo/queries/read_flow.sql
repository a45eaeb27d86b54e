-- Returns how many messages of all queues were inserted and deleted, from the
-- server's statistics of the table.
--
-- The statistics are some seconds late, include what was rolled back, and start
-- from zero when they are reset. Only their growth is meaningful.
select pg_stat_get_tuples_inserted(c) as made, pg_stat_get_tuples_deleted(c) as gone
from (select to_regclass('messages') as c) t
