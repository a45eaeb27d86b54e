-- +goose Up

-- Additive: the build before this one runs the other stages of a job with
-- finally stages. It cannot end such a job early, because a trigger decides what
-- its statements write. It parks the messages that it does not know (kind 6) and
-- the tasks that it does not declare. If it cancels a job whose outcome is
-- decided, the finally stages stop. A check refuses its retry and its rerun of
-- such a job.

alter table stages
  -- It runs after the outcome of the job is decided. Until then it waits with one
  -- pending dependency more than depends_on has.
  add column finally boolean not null default false;

alter table jobs
  -- The number of finally stages of this run. They are the last stages, and
  -- pending_stages includes them.
  add column finally_stages smallint not null default 0,
  -- How the job ends when its finally stages have ended. Null: not decided, or
  -- there are no finally stages.
  add column outcome job_status,
  -- The cancel_requested_at of the stop that decided the outcome. While the
  -- finally stages run, cancel_requested_at is about them.
  add column stop_requested_at timestamptz;

-- Not valid: the columns are new, so that there is nothing to scan.
alter table jobs
  add constraint jobs_finally_stages_check check (finally_stages >= 0) not valid,
  add constraint jobs_outcome_check check (
    outcome is null
    or (
      finally_stages > 0
      and pending_stages <= finally_stages
      and status <> 'queued'
      and outcome in ('completed', 'completed_with_errors', 'failed', 'cancelled')
      and (outcome <> 'failed' or error is not null)
      and (outcome not in ('completed', 'completed_with_errors') or error is null)
      and (outcome <> 'cancelled' or stop_requested_at is not null or finished_at is not null)
    )
  ) not valid,
  add constraint jobs_stop_requested_at_check check (
    stop_requested_at is null or (outcome is not null and finished_at is null)
  ) not valid,
  add constraint jobs_ended_outcome_check check (
    finished_at is null
    or finally_stages = 0
    or coalesce(
      status = outcome or (outcome = 'completed' and status = 'completed_with_errors'), false
    )
  ) not valid;

-- Kind 6: decide the outcome of a job and start its finally stages.
alter table messages drop constraint messages_kind_check;
alter table messages
  add constraint messages_kind_check check (kind between 1 and 6) not valid;

-- +goose StatementBegin
-- What a statement that ends a job with finally stages does instead. The first
-- end decides the outcome, and the finally stages begin. The second end takes
-- the outcome.
create function decide_outcome() returns trigger language plpgsql as $$
begin
  if new.finished_at is null then
    -- A failure of a finally stage is not the error of the job.
    if old.outcome is not null then
      new.error := old.error;
    end if;

    return new;
  end if;

  if new.outcome is null then
    new.outcome := new.status;
    new.status := 'running';
    new.finished_at := null;
    new.pending_stages := new.finally_stages;
    new.stop_requested_at := new.cancel_requested_at;
    new.cancel_requested_at := null;

    insert into messages (job_id, queue, kind, traceparent)
    values (new.job_id, 1, 6, new.traceparent);

    insert into events (job_id, kind, detail)
    values (new.job_id, 'outcome_decided', json_build_object('outcome', new.outcome));

    return new;
  end if;

  new.status := case
    when new.outcome = 'completed' and new.status <> 'completed' then 'completed_with_errors'
    else new.outcome
  end;
  new.pending_stages := 0;
  new.cancel_requested_at := coalesce(old.stop_requested_at, new.cancel_requested_at);
  new.stop_requested_at := null;

  return new;
end
$$;
-- +goose StatementEnd

-- Every statement that ends a job writes finished_at, and every one that makes it
-- fail writes error, so that none can forget the finally stages.
create trigger job_ends before update of finished_at, error on jobs
  for each row
  when (old.finished_at is null and new.finally_stages > 0)
  execute function decide_outcome();

-- +goose Down
drop trigger job_ends on jobs;
drop function decide_outcome();
delete from messages where kind = 6;
alter table messages drop constraint messages_kind_check;
alter table messages add constraint messages_kind_check check (kind between 1 and 5);
alter table jobs
  drop column stop_requested_at, drop column outcome, drop column finally_stages;
alter table stages drop column finally;
