-- +goose Up

-- Additive: the build before this one ignores the new columns and tables. It
-- does not start a delayed job early, because the messages of the job are due at
-- its start.

alter table jobs
  -- The part of the identity of a job that is not its type and parameters. Null:
  -- type and parameters alone identify it.
  add column run_key  text,
  -- When the first stages start, if that is later than the submit.
  add column start_at timestamptz;

-- Not valid: the columns are new, so that there is nothing to scan.
alter table jobs
  add constraint jobs_run_key_check check (octet_length(run_key) between 1 and 200) not valid;

-- One row for each schedule that a build has declared.
create table schedules (
  name        text primary key check (octet_length(name) between 1 and 63),
  -- The declaration that next_at was computed from. Equal declarations have
  -- equal texts.
  declaration text not null,
  -- When a process that declares the schedule last wrote it.
  declared_at timestamptz not null default clock_timestamp(),
  -- The running build does not declare it.
  removed_at  timestamptz,
  paused_at   timestamptz,
  paused_by   text not null default '',
  -- The next slot. Null: there is none.
  next_at     timestamptz,
  -- The last slot that started a job.
  last_slot   timestamptz,
  -- The last job, also if an operator started it. The overlap rule looks at it.
  last_job_id bytea check (octet_length(last_job_id) = 32),
  -- Slots that started a job, that the overlap rule left out, and that were
  -- missed.
  fired       bigint not null default 0 check (fired >= 0),
  skipped     bigint not null default 0 check (skipped >= 0),
  missed      bigint not null default 0 check (missed >= 0),
  -- Why the slot at next_at has not started a job.
  error       text,
  error_at    timestamptz,

  check (next_at is null or (paused_at is null and removed_at is null)),
  check ((error is null) = (error_at is null))
) with (fillfactor = 50);

-- What became of the slots of a schedule. A statement that adds a row deletes
-- old ones.
create table schedule_runs (
  name    text not null references schedules on delete cascade,
  run_id  bigint generated always as identity,
  at      timestamptz not null default clock_timestamp(),
  outcome text not null check (
    outcome in ('fired', 'skipped', 'missed', 'triggered', 'backfilled')
  ),
  -- The slot, or the first of several. Null: an operator started the job.
  slot    timestamptz,
  -- How many slots.
  slots   int not null default 1 check (slots > 0),
  job_id  bytea check (octet_length(job_id) = 32),
  by      text not null default '',

  primary key (name, run_id),
  check ((outcome = 'triggered') = (slot is null)),
  check (outcome not in ('fired', 'triggered') or job_id is not null)
);

-- +goose Down
drop table schedule_runs, schedules;
alter table jobs drop column start_at, drop column run_key;
