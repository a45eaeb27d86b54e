-- +goose Up
-- Every name is unqualified: the schema is whatever the connection's search_path names, so that tests can run side by side.
-- Rules of the form "X only when Y" are CHECKs: the database refuses what the transition table in internal/state forbids.

create type job_status   as enum ('queued', 'running', 'completed', 'completed_with_errors', 'failed', 'cancelled');
create type stage_status as enum ('waiting', 'running', 'completed', 'failed', 'skipped', 'cancelled');
-- A task that runs is 'queued' here and covered by a message row that a worker holds: see messages.
create type task_status  as enum ('queued', 'completed', 'failed', 'cancelled');

-- What errors that differ only in ids and numbers have in common: each word that holds a digit, and each UUID, becomes #.
create function error_pattern(error text) returns text language sql immutable strict parallel safe
return left(regexp_replace(left(error, 1000),
  '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9_]*[0-9][A-Za-z0-9_]*', '#', 'g'), 200);

-- How many of a stage's tasks may fail without failing the job. The slack makes up for the two roundings of the product: 0.29 of 100 is
-- 28.999999999999996 in binary. state.Tolerated computes the same.
create function tolerated_failures(tolerance float8, tasks int) returns int language sql immutable strict parallel safe
return floor(tolerance * tasks + tolerance * tasks * 2::float8 ^ -50)::int;

create table jobs (
  job_id              bytea primary key check (octet_length(job_id) = 32),
  incarnation         bigint not null generated always as identity,    -- of the row: never repeats, also after delete and submit
  job_type            text not null,
  params              json not null,
  status              job_status not null default 'queued',
  attempt             int not null default 1 check (attempt > 0),      -- raised by rerun and retry, for people
  stages_left         int not null check (stages_left >= 0),           -- who lowers it to 0 finishes the job
  has_result          boolean not null default false,                  -- a result function runs before the job ends
  cancel_requested_at timestamptz,                                     -- set by cancel and by fail-fast
  purge_started_at    timestamptz,
  version             bigint not null default 1,                       -- raised at every edge; with the stage counters, the ETag
  traceparent         text,
  created_at          timestamptz not null default clock_timestamp(),
  last_submitted_at   timestamptz not null default clock_timestamp(),
  started_at          timestamptz,
  finished_at         timestamptz,
  result              bytea,
  error               json,                                            -- set while running: the job is on its way to failed
  check ((status in ('completed', 'completed_with_errors', 'failed', 'cancelled')) = (finished_at is not null)),
  check (status <> 'failed' or error is not null),
  check (status not in ('completed', 'completed_with_errors') or error is null),
  check (status <> 'cancelled' or cancel_requested_at is not null),
  check (status not in ('completed', 'completed_with_errors') or stages_left = 0),
  check (status <> 'queued' or started_at is null),
  check (purge_started_at is null or finished_at is not null),
  check (octet_length(result) <= 1048576)
) with (fillfactor = 70);
create index jobs_new    on jobs (created_at desc, job_id);
create index jobs_status on jobs (status, created_at desc, job_id);
create index jobs_type   on jobs (job_type, created_at desc, job_id);
create index jobs_purge  on jobs (finished_at) where finished_at is not null;

create table stages (
  job_id        bytea not null references jobs on delete cascade,
  stage         smallint not null,                                     -- topological order: lock order = key order
  gen           int not null default 1 check (gen > 0),
  swept_gen     int not null default 1,                                -- of generations below it no row is left
  name          text not null,
  task_type     text not null,
  kind          text not null check (kind in ('single', 'dynamic', 'match_previous', 'fan_out', 'fan_in')),
  queue         smallint not null,
  depends_on    smallint[] not null,
  dependencies  text[] not null default '{}',                          -- their names, the source of a fan_out first: numbers differ by build
  skip          boolean not null default false,                        -- the skip condition, decided at submit
  expected      int check (expected >= 0),                             -- tasks, where parameters alone tell; null: planned
  task_window   int not null default 10000 check (task_window > 0),    -- most tasks dispatched and not ended
  bundle        int not null default 0 check (bundle >= 0),            -- tasks a message carries; 0: chosen when the stage starts
  sparse        boolean not null default false,                        -- ranges may hold tasks that need no message
  reopening     boolean not null default false,                        -- a retry opens its undone tasks, chunk by chunk
  tolerance     float8 not null default 0 check (tolerance between 0 and 1), -- share of failed tasks that does not fail the job
  deps_left     smallint not null check (deps_left >= 0),              -- who lowers it to 0 starts the stage
  status        stage_status not null default 'waiting',
  total         int,                                                   -- null until planning has ended: no task runs before
  planned       int not null default 0,
  dispatched    int not null default 0,                                -- indexes below it have, or had, a message
  completed     int not null default 0,
  failed        int not null default 0,
  cancelled     int not null default 0,
  failures_seen int not null default 0,                                -- unsuccessful attempts, for the timeline's bound
  failures_told_at timestamptz not null default '-infinity',
  progressed_at timestamptz,
  started_at    timestamptz,
  finished_at   timestamptz,
  error         json,
  primary key (job_id, stage),
  unique (job_id, name),
  check (total is null or total = planned),
  check (not reopening or status = 'running' and total is null),
  check (completed >= 0 and failed >= 0 and cancelled >= 0 and completed + failed + cancelled <= planned),
  check (dispatched >= 0 and dispatched <= coalesce(total, 0)),
  check (status <> 'waiting' or (total is null and completed + failed + cancelled = 0)),
  check (status <> 'running' or deps_left = 0),
  check (status not in ('completed', 'skipped') or (total is not null and completed + failed + cancelled = total)),
  check (status <> 'skipped' or total = 0),
  check ((status in ('completed', 'failed', 'skipped', 'cancelled')) = (finished_at is not null)),
  check (stage > all (depends_on))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
-- Neither column changes while tasks end: updates of the counters stay HOT.
create index stages_superseded on stages (job_id, stage) where swept_gen < gen;

-- No index and no predicate on a column that changes: updates stay HOT. A task that has no row is queued: what holds no input is written
-- when its first attempt ends.
create table tasks (
  job_id      bytea not null,
  stage       smallint not null,
  gen         int not null,
  index       int not null check (index >= 0),
  status      task_status not null default 'queued',
  attempt     int not null default 0 check (attempt >= 0),             -- the last attempt that ended; messages.attempt is the fence
  failures    int not null default 0 check (failures >= 0),            -- the retry budget
  losses      int not null default 0 check (losses >= 0),              -- lost workers, counted apart
  input       bytea check (octet_length(input) <= 65536),
  result      bytea check (octet_length(result) <= 1048576),
  error       text,
  started_at  timestamptz,
  finished_at timestamptz,
  primary key (job_id, stage, gen, index),
  check ((status = 'completed') = (result is not null)),
  check (status <> 'failed' or error is not null),
  check ((status in ('completed', 'failed', 'cancelled')) = (finished_at is not null)),
  check (status <> 'completed' or attempt > 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
alter table tasks alter column result set storage external;

-- What a task emits in parts, under the attempt that emitted it: only those of the attempt that completed are ever read.
create table result_parts (
  job_id  bytea not null,
  stage   smallint not null,
  gen     int not null,
  index   int not null,
  attempt int not null,
  part    int not null check (part >= 0),
  data    bytea not null check (octet_length(data) <= 1048576),
  primary key (job_id, stage, gen, index, attempt, part)
);
alter table result_parts alter column data set storage external;

-- Unsuccessful attempts only: history, and the index of failed tasks by what they died of. Append-only, but that a retry takes
-- final back from the tasks that it opens.
create table attempts (
  job_id     bytea not null,
  stage      smallint not null,
  gen        int not null,
  index      int not null,
  attempt    int not null check (attempt > 0),
  outcome    text not null check (outcome in ('error', 'permanent', 'timeout', 'lost', 'interrupted', 'panic', 'too_large', 'invalid',
             'cancelled')),
  final      boolean not null default false,                           -- it ended the task, which no retry opened since
  error      text not null,
  stack      text check (octet_length(stack) <= 16384),                -- of a panic: frames without arguments or paths of a machine
  fingerprint bigint generated always as                               -- the same for all errors of one pattern; of a stop or an interruption: none
             (case when outcome not in ('cancelled', 'interrupted') then hashtextextended(error_pattern(error), 0) end) stored,
  worker_id  uuid,
  started_at timestamptz,
  ended_at   timestamptz not null default clock_timestamp(),
  primary key (job_id, stage, gen, index, attempt)
);
create index attempts_kind on attempts (job_id, stage, gen, fingerprint, final desc, index) where fingerprint is not null;

-- One row a process: one heartbeat row, not one a task.
create table workers (
  worker_id   uuid primary key,
  lease_until timestamptz not null,
  started_at  timestamptz not null default clock_timestamp(),
  build       text not null,
  host        text not null,
  pid         int not null
) with (fillfactor = 50);

-- How long a task of a type takes as a rule, as some process last measured it: a hint for processes that have run none.
create table paces (
  task_type text primary key,
  nanos     bigint not null check (nanos > 0),
  told_at   timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- Outbox, local queue and record of work in flight. A row lives from the transaction that makes its work to the one that
-- ends it; every dispatched task that has not ended is covered by exactly one row. The row is the fence: a claim writes
-- worker_id and raises attempt, and only that holder may write its tasks.
-- A row of count 1 covers its task. A row of count > 1 covers the queued tasks of its range that have never failed: a
-- task that fails leaves the row for one of its own.
create table messages (
  job_id       bytea not null,
  message_id   bigint generated always as identity,
  queue        smallint not null,
  kind         smallint not null check (kind between 1 and 5),         -- 1 plan, 2 tasks, 3 finish, 4 stop, 5 reopen
  stage        smallint not null default 0,
  gen          int not null default 1,
  first        int not null default 0 check (first >= 0),              -- of a reopen: the next index to look at
  count        int not null default 1 check (count > 0),
  tasks_left   int not null default 1 check (tasks_left between 1 and count),
  attempt      int not null default 0 check (attempt >= 0),
  losses       int not null default 0,
  send         int not null default 1,                                 -- raised by a deliberate re-send
  redrives     int not null default 0 check (redrives >= 0),           -- times that the sweep sent it again after it was set aside
  due_at       timestamptz not null default now(),                     -- hint for delivery, never a guard; a locked row is due when its lock ends
  sent_at      timestamptz,                                            -- handed to the transport (Service Bus), or delivered and acknowledged (local)
  locked_until timestamptz,                                            -- the local queue's peek-lock
  deliveries   int not null default 0,
  worker_id    uuid,                                                   -- the engine's holder; its lease is workers.lease_until
  claimed_at   timestamptz,
  panics       int not null default 0,                                 -- of the engine while it worked on the message
  parked_for   text,                                                   -- why the running build could not do it and another may
  parked_since timestamptz,
  dead_reason  text,
  traceparent  text,
  progress     json,                                                   -- what running handlers report, by index; rides on the heartbeat
  primary key (job_id, message_id),
  check (dead_reason is null or worker_id is null),
  check ((worker_id is null) = (claimed_at is null)),
  check (worker_id is null or attempt > 0)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index messages_ready on messages (queue, due_at, message_id) where worker_id is null and sent_at is null and dead_reason is null;
create index messages_held  on messages (worker_id) where worker_id is not null;
create index messages_sent  on messages (sent_at) where sent_at is not null and worker_id is null and dead_reason is null;
create index messages_parked on messages (job_id, message_id) where parked_since is not null;
create index messages_dead  on messages (queue, message_id) where dead_reason is not null;

create table events (
  job_id      bytea not null,
  event_id    bigint generated always as identity,
  at          timestamptz not null default clock_timestamp(),
  kind        text not null,
  stage       smallint,
  gen         int,
  index       int,
  fingerprint bigint,                                                  -- of a failure, as attempts have it
  detail      json,
  primary key (job_id, event_id)
);
create index events_kind on events (job_id, kind, event_id);

create table sweeps (
  sweep_id   bigint generated always as identity primary key,
  slot       bigint unique,                                             -- the interval, counted since 1970; null: started by hand
  started_at timestamptz not null default clock_timestamp(),
  ended_at   timestamptz,
  found      json,
  error      text
);

-- When a process that can work last received from a queue, or waited for its
-- messages, and when one last waited in vain. Written at most every few seconds
-- by the whole fleet.
create table receivers (
  queue       smallint primary key,
  received_at timestamptz not null default clock_timestamp(),
  idle_at     timestamptz not null default '-infinity'
) with (fillfactor = 50);

-- +goose Down
drop table receivers, sweeps, events, messages, workers, paces, attempts, result_parts, tasks, stages, jobs;
drop type task_status, stage_status, job_status;
drop function error_pattern;
drop function tolerated_failures;
