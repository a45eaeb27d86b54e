-- +goose Up

-- Additive: the build before this one ignores the tables. What it runs is not
-- counted.

-- What ended, counted in the transactions in which it ends. A backend of the
-- server has rows of its own, so that concurrent transactions do not wait for
-- each other. The sweep adds the rows of past minutes to trends.
create table trend_counts (
  minute           timestamptz not null,
  -- pg_backend_pid() of the transaction.
  backend          int not null,
  job_type         text not null,
  jobs_started     int not null default 0,
  jobs_completed   int not null default 0,
  jobs_with_errors int not null default 0,
  jobs_failed      int not null default 0,
  jobs_cancelled   int not null default 0,
  tasks_completed  int not null default 0,
  tasks_failed     int not null default 0,
  -- Attempts after which a task is tried again.
  retries          int not null default 0,

  primary key (minute, backend, job_type),
  check (
    least(
      jobs_started, jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled,
      tasks_completed, tasks_failed, retries
    ) >= 0
  )
) with (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000
);

-- What started and ended in a minute, by job type. A minute in which nothing
-- did has no row.
create table trends (
  minute           timestamptz not null,
  job_type         text not null,
  jobs_started     bigint not null,
  jobs_completed   bigint not null,
  jobs_with_errors bigint not null,
  jobs_failed      bigint not null,
  jobs_cancelled   bigint not null,
  tasks_completed  bigint not null,
  tasks_failed     bigint not null,
  retries          bigint not null,

  primary key (minute, job_type),
  check (
    least(
      jobs_started, jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled,
      tasks_completed, tasks_failed, retries
    ) >= 0
  ),
  check (minute = date_trunc('minute', minute))
);

-- The queues, as the first sweep of a minute found them. A minute without a
-- sweep has no row.
create table queue_trends (
  minute         timestamptz not null,
  queue          smallint not null,
  -- Messages that are due or delivered and that no worker has claimed.
  waiting        int not null check (waiting >= 0),
  dead           int not null check (dead >= 0),
  oldest_seconds float8 not null check (oldest_seconds >= 0),

  primary key (minute, queue),
  check (minute = date_trunc('minute', minute))
);

-- +goose Down
drop table queue_trends, trends, trend_counts;
