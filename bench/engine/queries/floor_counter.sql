-- Creates the counter of the floor measurement.
create table if not exists floor_counter as
select 0::bigint as done
