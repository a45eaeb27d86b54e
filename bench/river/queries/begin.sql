-- Inserts a run in its first stage.
insert into runs (id, n)
values ($1, $2)
