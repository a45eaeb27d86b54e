-- Starts the sweep of the current interval, by database time, unless a process
-- of the fleet has started it already. No row: it has. A repeat after a lost
-- answer finds the interval taken; the next one is swept.
insert into sweeps (slot) values (floor(extract(epoch from clock_timestamp()) / @every)::bigint)
on conflict (slot) do nothing
returning sweep_id
