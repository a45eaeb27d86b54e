-- Stores the result of a task. If the task runs twice, the first result stays.
insert into results (run, stage, index, result)
values ($1, $2, $3, $4)
on conflict do nothing
