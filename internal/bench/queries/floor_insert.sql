-- The floor: the rows of a stage, made by the server.
insert into tasks (job_id, stage, gen, index) select $1, 0, 1, g from generate_series(0, $2::int - 1) g
