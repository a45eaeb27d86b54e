-- Keeps the rows of the last thousand sweeps.
delete from sweeps where sweep_id <= (select max(sweep_id) from sweeps) - 1000
