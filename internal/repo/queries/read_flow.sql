-- How many messages were made and how many went, of all queues, as the server's statistics count rows of the table. They come some seconds
-- late, count what was rolled back too, and begin anew where they are reset: only what they grow by means something.
select pg_stat_get_tuples_inserted(c) as made, pg_stat_get_tuples_deleted(c) as gone
from (select to_regclass('messages') as c) t
