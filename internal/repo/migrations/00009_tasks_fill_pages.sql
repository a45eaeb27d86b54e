-- +goose Up

-- Additive: it changes where new rows are written, for every build.

-- Most rows of tasks are written once, when the task ends, and half a page of
-- room for their next version stayed empty.
alter table tasks reset (fillfactor);

-- +goose Down

alter table tasks set (fillfactor = 50);
