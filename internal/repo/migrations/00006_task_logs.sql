-- +goose Up

-- Additive: the build before this one ignores the table. If it deletes a job, the
-- rows of the job stay until the sweep of a newer build removes them by their age.
-- A job that is submitted again does not show them, because it has another
-- incarnation.

-- The log lines of handlers, one row for each attempt that left any. The fence of
-- the message guards the insert, and rows are never updated.
create table task_logs (
  job_id      bytea not null check (octet_length(job_id) = 32),
  stage       smallint not null,
  gen         int not null,
  index       int not null check (index >= 0),
  -- Equal to jobs.incarnation.
  incarnation bigint not null,
  attempt     int not null check (attempt > 0),
  logged_at   timestamptz not null default clock_timestamp(),
  -- Lines that came before these and were not kept.
  dropped     int not null default 0 check (dropped >= 0),
  -- A JSON array of state.LogLine.
  lines       bytea not null check (octet_length(lines) between 1 and 65536),

  primary key (job_id, stage, gen, index, incarnation, attempt)
);

create index task_logs_old on task_logs (logged_at);

-- +goose Down
drop table task_logs;
