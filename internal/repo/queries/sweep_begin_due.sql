-- Records the start of the sweep of the current interval, by database time, and
-- returns its id.
--
-- Guard: one row for each interval. No row is returned if a process of the
-- fleet has started this interval's sweep already. A repeat after a lost COMMIT
-- answer also finds the interval taken, and the next interval is swept.
insert into sweeps (slot)
values (floor(extract(epoch from clock_timestamp()) / @every)::bigint)
on conflict (slot) do nothing
returning sweep_id
