-- +goose Up

-- Names are not qualified: the schema is the first one of the connection's
-- search_path, so that tests can run side by side.
-- A rule of the form "X only when Y" is a CHECK: the database rejects what the
-- transition table in internal/state forbids.

create type job_status as enum (
  'queued', 'running', 'completed', 'completed_with_errors', 'failed', 'cancelled'
);

create type stage_status as enum (
  'waiting', 'running', 'completed', 'failed', 'skipped', 'cancelled'
);

-- A running task is 'queued' here, and a message row that a worker holds covers
-- it: see messages.
create type task_status as enum ('queued', 'completed', 'failed', 'cancelled');

-- Returns what errors have in common that differ only in ids and numbers: each
-- word that contains a digit, and each UUID, becomes #.
create function error_pattern(error text) returns text
language sql immutable strict parallel safe
return left(
  regexp_replace(
    left(error, 1000),
    '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9_]*[0-9][A-Za-z0-9_]*',
    '#',
    'g'
  ),
  200
);

-- Returns how many of a stage's tasks may fail without failing the job. The
-- slack compensates for the two roundings of the product: 0.29 of 100 is
-- 28.999999999999996 in binary. state.Tolerated computes the same.
create function tolerated_failures(tolerance float8, tasks int) returns int
language sql immutable strict parallel safe
return floor(tolerance * tasks + tolerance * tasks * 2::float8 ^ -50)::int;

-- One row for each job.
create table jobs (
  job_id              bytea primary key check (octet_length(job_id) = 32),
  -- Identifies the row. It never repeats, even if the job is deleted and
  -- submitted again.
  incarnation         bigint not null generated always as identity,
  job_type            text not null,
  params              json not null,
  status              job_status not null default 'queued',
  -- Raised by rerun and retry, for display.
  attempt             int not null default 1 check (attempt > 0),
  -- Stages that have not ended. The transaction that lowers it to 0 finishes
  -- the job.
  pending_stages      int not null check (pending_stages >= 0),
  -- A result function runs before the job ends.
  has_result          boolean not null default false,
  -- Set by cancel, and when the job fails early.
  cancel_requested_at timestamptz,
  purge_started_at    timestamptz,
  -- Raised at every transition. Together with the stage counters it is the
  -- ETag.
  version             bigint not null default 1,
  traceparent         text,
  created_at          timestamptz not null default clock_timestamp(),
  last_submitted_at   timestamptz not null default clock_timestamp(),
  started_at          timestamptz,
  finished_at         timestamptz,
  result              bytea,
  -- Set while the job is still running if it is about to fail.
  error               json,

  check (
    (status in ('completed', 'completed_with_errors', 'failed', 'cancelled'))
    = (finished_at is not null)
  ),
  check (status <> 'failed' or error is not null),
  check (status not in ('completed', 'completed_with_errors') or error is null),
  check (status <> 'cancelled' or cancel_requested_at is not null),
  check (status not in ('completed', 'completed_with_errors') or pending_stages = 0),
  check (status <> 'queued' or started_at is null),
  check (purge_started_at is null or finished_at is not null),
  check (octet_length(result) <= 1048576)
) with (fillfactor = 70);

create index jobs_new on jobs (created_at desc, job_id);
create index jobs_status on jobs (status, created_at desc, job_id);
create index jobs_type on jobs (job_type, created_at desc, job_id);
create index jobs_purge on jobs (finished_at) where finished_at is not null;

-- One row for each stage of a job.
create table stages (
  job_id               bytea not null references jobs on delete cascade,
  -- Numbered in topological order, so that the lock order is the key order.
  stage                smallint not null,
  -- The generation: raised when the stage runs again from the start.
  gen                  int not null default 1 check (gen > 0),
  -- Rows of generations below this one have been deleted.
  swept_gen            int not null default 1,
  name                 text not null,
  task_type            text not null,
  kind                 text not null check (
    kind in ('single', 'dynamic', 'match_previous', 'fan_out', 'fan_in')
  ),
  queue                smallint not null,
  depends_on           smallint[] not null,
  -- The names of depends_on, with the source of a fan_out first. Builds can
  -- number stages differently.
  dependencies         text[] not null default '{}',
  -- The result of the skip condition, evaluated at submit.
  skip                 boolean not null default false,
  -- The number of tasks, if the parameters alone determine it. Null: planned.
  expected             int check (expected >= 0),
  -- The maximum number of tasks that are dispatched and have not ended.
  task_window          int not null default 10000 check (task_window > 0),
  -- Tasks for each message. 0: chosen when the stage starts.
  bundle               int not null default 0 check (bundle >= 0),
  -- A range can contain tasks that need no message.
  sparse               boolean not null default false,
  -- A retry is opening the undone tasks, range by range.
  reopening            boolean not null default false,
  -- The share of tasks that may fail without failing the job.
  tolerance            float8 not null default 0 check (tolerance between 0 and 1),
  -- Dependencies that have not ended. The transaction that lowers it to 0
  -- starts the stage.
  pending_dependencies smallint not null check (pending_dependencies >= 0),
  status               stage_status not null default 'waiting',
  -- Null until planning has ended. Until then no task runs.
  total                int,
  planned              int not null default 0,
  -- Tasks with an index below it have, or had, a message.
  dispatched           int not null default 0,
  completed            int not null default 0,
  failed               int not null default 0,
  cancelled            int not null default 0,
  -- Failed attempts. It limits how many the timeline shows.
  failures_seen        int not null default 0,
  -- When the timeline last showed one.
  failures_told_at     timestamptz not null default '-infinity',
  progressed_at        timestamptz,
  started_at           timestamptz,
  finished_at          timestamptz,
  error                json,

  primary key (job_id, stage),
  unique (job_id, name),
  check (total is null or total = planned),
  check (not reopening or status = 'running' and total is null),
  check (
    completed >= 0 and failed >= 0 and cancelled >= 0
    and completed + failed + cancelled <= planned
  ),
  check (dispatched >= 0 and dispatched <= coalesce(total, 0)),
  check (status <> 'waiting' or (total is null and completed + failed + cancelled = 0)),
  check (status <> 'running' or pending_dependencies = 0),
  check (
    status not in ('completed', 'skipped')
    or (total is not null and completed + failed + cancelled = total)
  ),
  check (status <> 'skipped' or total = 0),
  check (
    (status in ('completed', 'failed', 'skipped', 'cancelled')) = (finished_at is not null)
  ),
  check (stage > all (depends_on))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Neither column changes when a task ends, so updates of the counters stay HOT.
create index stages_superseded on stages (job_id, stage) where swept_gen < gen;

-- One row for each task that has ended an attempt, or that has an input. A task
-- without a row is queued.
-- No index and no predicate uses a column that changes, so updates stay HOT.
create table tasks (
  job_id      bytea not null,
  stage       smallint not null,
  gen         int not null,
  index       int not null check (index >= 0),
  status      task_status not null default 'queued',
  -- The last attempt that ended. The fence is messages.attempt.
  attempt     int not null default 0 check (attempt >= 0),
  -- Counted against the retry budget.
  failures    int not null default 0 check (failures >= 0),
  -- Workers that were lost while they ran it, counted separately.
  losses      int not null default 0 check (losses >= 0),
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

-- Parts of a result, stored under the attempt that emitted them. Only those of
-- the attempt that completed are ever read.
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

-- The history of unsuccessful attempts, and the index of failed tasks by error.
-- Rows are only added, except that a retry clears final for the tasks that it
-- opens.
create table attempts (
  job_id      bytea not null,
  stage       smallint not null,
  gen         int not null,
  index       int not null,
  attempt     int not null check (attempt > 0),
  outcome     text not null check (
    outcome in (
      'error', 'permanent', 'timeout', 'lost', 'interrupted', 'panic', 'too_large', 'invalid',
      'cancelled'
    )
  ),
  -- It ended the task, and no retry has opened the task since.
  final       boolean not null default false,
  error       text not null,
  -- Of a panic: frames without arguments and without paths of a machine.
  stack       text check (octet_length(stack) <= 16384),
  -- Equal for all errors of one pattern. Null for a stop or an interruption.
  fingerprint bigint generated always as (
    case
      when outcome not in ('cancelled', 'interrupted')
        then hashtextextended(error_pattern(error), 0)
    end
  ) stored,
  worker_id   uuid,
  started_at  timestamptz,
  ended_at    timestamptz not null default clock_timestamp(),

  primary key (job_id, stage, gen, index, attempt)
);

create index attempts_kind on attempts (job_id, stage, gen, fingerprint, final desc, index)
  where fingerprint is not null;

-- One heartbeat row for each process.
create table workers (
  worker_id   uuid primary key,
  lease_until timestamptz not null,
  started_at  timestamptz not null default clock_timestamp(),
  build       text not null,
  host        text not null,
  pid         int not null
) with (fillfactor = 50);

-- How long a task of a type usually takes, as a process last measured it. A
-- hint for processes that have not run one.
create table task_durations (
  task_type text primary key,
  nanos     bigint not null check (nanos > 0),
  told_at   timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- The outbox, the local queue and the record of work in flight.
-- A row lives from the transaction that creates its work to the one that ends
-- it. Every dispatched task that has not ended is covered by exactly one row.
-- The row is the fence: a claim writes worker_id and raises attempt, and only
-- that worker can write the tasks.
-- A row with count 1 covers its task. A row with a larger count (a bundle)
-- covers the queued tasks of its range that have never failed: a task that
-- fails leaves the bundle and gets a row of its own.
create table messages (
  job_id       bytea not null,
  message_id   bigint generated always as identity,
  queue        smallint not null,
  -- 1 plan, 2 tasks, 3 finish, 4 stop, 5 reopen.
  kind         smallint not null check (kind between 1 and 5),
  stage        smallint not null default 0,
  gen          int not null default 1,
  -- The first index of the range. For kind 5: the next index to look at.
  first        int not null default 0 check (first >= 0),
  count        int not null default 1 check (count > 0),
  tasks_left   int not null default 1 check (tasks_left between 1 and count),
  attempt      int not null default 0 check (attempt >= 0),
  losses       int not null default 0,
  -- Raised when the message is deliberately sent again.
  send         int not null default 1,
  -- How often the sweep sent it again after it became a dead letter.
  redrives     int not null default 0 check (redrives >= 0),
  -- A hint for delivery, never a guard. A locked row is due when its lock ends.
  due_at       timestamptz not null default now(),
  -- When it was handed to Service Bus, or was delivered and acknowledged
  -- locally.
  sent_at      timestamptz,
  -- The peek-lock of the local queue.
  locked_until timestamptz,
  deliveries   int not null default 0,
  -- The worker that holds it. Its lease is workers.lease_until.
  worker_id    uuid,
  claimed_at   timestamptz,
  -- Panics of the engine while it processed the message.
  panics       int not null default 0,
  -- Why the running build cannot process it although another build may.
  parked_for   text,
  parked_since timestamptz,
  dead_reason  text,
  traceparent  text,
  -- What running handlers report, by index. It is written with the heartbeat.
  progress     json,

  primary key (job_id, message_id),
  check (dead_reason is null or worker_id is null),
  check ((worker_id is null) = (claimed_at is null)),
  check (worker_id is null or attempt > 0)
) with (
  fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000
);

create index messages_ready on messages (queue, due_at, message_id)
  where worker_id is null and sent_at is null and dead_reason is null;
create index messages_held on messages (worker_id) where worker_id is not null;
create index messages_sent on messages (sent_at)
  where sent_at is not null and worker_id is null and dead_reason is null;
create index messages_parked on messages (job_id, message_id) where parked_since is not null;
create index messages_dead on messages (queue, message_id) where dead_reason is not null;

-- The timeline of each job.
create table events (
  job_id      bytea not null,
  event_id    bigint generated always as identity,
  at          timestamptz not null default clock_timestamp(),
  kind        text not null,
  stage       smallint,
  gen         int,
  index       int,
  -- Of a failure: equal to attempts.fingerprint.
  fingerprint bigint,
  detail      json,

  primary key (job_id, event_id)
);

create index events_kind on events (job_id, kind, event_id);

-- One row for each pass of the sweep.
create table sweeps (
  sweep_id   bigint generated always as identity primary key,
  -- The interval, counted since 1970. Null: started by an operator.
  slot       bigint unique,
  started_at timestamptz not null default clock_timestamp(),
  ended_at   timestamptz,
  found      json,
  error      text
);

-- For each queue, when a process that can work last received from it or waited
-- for its messages (received_at), and when one last waited without getting any
-- (idle_at). The whole fleet writes it at most once every few seconds.
create table receivers (
  queue       smallint primary key,
  received_at timestamptz not null default clock_timestamp(),
  idle_at     timestamptz not null default '-infinity'
) with (fillfactor = 50);

-- +goose Down
drop table receivers, sweeps, events, messages, workers, task_durations, attempts,
  result_parts, tasks, stages, jobs;
drop type task_status, stage_status, job_status;
drop function error_pattern;
drop function tolerated_failures;
