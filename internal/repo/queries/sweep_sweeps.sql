-- Deletes the rows of sweeps except the last thousand.
delete from sweeps
where sweep_id <= (select max(sweep_id) from sweeps) - 1000
