-- +goose Up

-- Additive: the build before this one ignores the new column and table. A job
-- that it ends is recorded too, because a trigger writes the notification.

alter table jobs
  -- The URL that is notified when the job ends.
  add column callback_url text;

-- Not valid: the column is new, so that there is nothing to scan.
alter table jobs
  add constraint jobs_callback_url_check check (octet_length(callback_url) <= 2048) not valid;

-- One row for each end of a job that has a callback URL: an outbox. Processes
-- send what is due, until the receiver accepts it or the time for it is over.
create table notifications (
  job_id       bytea not null references jobs on delete cascade,
  -- The job's attempt that ended.
  attempt      int not null check (attempt > 0),
  incarnation  bigint not null,
  callback_url text not null,
  -- What the event says of the job, as it was when it ended.
  data         json not null,
  created_at   timestamptz not null default clock_timestamp(),
  -- When it is sent next. While it is being sent: when another process may try.
  due_at       timestamptz not null default clock_timestamp(),
  -- How often it was sent. It is the fence: only the last sender records how it
  -- went.
  tries        int not null default 0 check (tries >= 0),
  delivered_at timestamptz,
  failed_at    timestamptz,
  -- Why the last try failed.
  error        text,

  primary key (job_id, attempt),
  check (delivered_at is null or failed_at is null)
) with (fillfactor = 70);

create index notifications_due on notifications (due_at)
  where delivered_at is null and failed_at is null;

-- +goose StatementBegin
create function record_job_end() returns trigger language plpgsql as $$
begin
  insert into notifications (job_id, attempt, incarnation, callback_url, data)
  values (
    new.job_id, new.attempt, new.incarnation, new.callback_url,
    json_build_object(
      'job_id', encode(new.job_id, 'hex'), 'job_type', new.job_type,
      'status', new.status, 'attempt', new.attempt,
      'created_at', new.created_at, 'started_at', new.started_at,
      'finished_at', new.finished_at, 'error', new.error
    )
  )
  on conflict (job_id, attempt) do nothing;

  return null;
end
$$;
-- +goose StatementEnd

-- Every statement that ends a job writes finished_at, so that none can forget
-- the notification.
create trigger job_ended after update of finished_at on jobs
  for each row
  when (
    old.finished_at is null and new.finished_at is not null and new.callback_url is not null
  )
  execute function record_job_end();

-- +goose Down
drop trigger job_ended on jobs;
drop function record_job_end();
drop table notifications;
alter table jobs drop column callback_url;
