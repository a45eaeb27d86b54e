-- A task's result. A second run of the task keeps the first one's.
insert into results (run, stage, index, result) values ($1, $2, $3, $4) on conflict do nothing
