-- Logs every status change, so that a test can compare the whole history with
-- the transition table.
create table status_log (
  id          bigint generated always as identity primary key,
  record      text not null,
  job_id      bytea not null,
  -- Of the job row.
  incarnation bigint,
  stage       smallint,
  gen         int,
  index       int,
  -- Of a job or a task.
  attempt     int,
  -- Of a stage, as it was then: a rerun by another build can number stages
  -- differently.
  depends_on  smallint[],
  was         text,
  now         text not null
);

create function log_job() returns trigger language plpgsql as $$
begin
  insert into status_log (record, job_id, incarnation, attempt, was, now)
  values (
    'job', new.job_id, new.incarnation, new.attempt,
    case when tg_op = 'UPDATE' then old.status::text end, new.status::text
  );
  return null;
end $$;

create trigger log_job_new
after insert on jobs
for each row
execute function log_job();

create trigger log_job
after update of status on jobs
for each row
when (old.status <> new.status)
execute function log_job();

create function log_stage() returns trigger language plpgsql as $$
begin
  insert into status_log (record, job_id, incarnation, stage, gen, depends_on, was, now)
  values (
    'stage', new.job_id, (select j.incarnation from jobs j where j.job_id = new.job_id),
    new.stage, new.gen, new.depends_on,
    case when tg_op = 'UPDATE' then old.status::text end, new.status::text
  );
  return null;
end $$;

create trigger log_stage_new
after insert on stages
for each row
execute function log_stage();

create trigger log_stage
after update of status on stages
for each row
when (old.status <> new.status)
execute function log_stage();

-- A statement can write thousands of tasks, so it logs them together.
create function log_task_new() returns trigger language plpgsql as $$
begin
  insert into status_log (record, job_id, incarnation, stage, gen, index, attempt, now)
  select 'task', n.job_id, j.incarnation, n.stage, n.gen, n.index, n.attempt, n.status
  from made n
  left join jobs j on j.job_id = n.job_id
  where n.status <> 'queued';
  return null;
end $$;

create trigger log_task_new
after insert on tasks
referencing new table as made
for each statement
execute function log_task_new();

create function log_task() returns trigger language plpgsql as $$
begin
  insert into status_log (record, job_id, incarnation, stage, gen, index, attempt, was, now)
  select
    'task', n.job_id, j.incarnation, n.stage, n.gen, n.index, n.attempt, o.status, n.status
  from made n
  join gone o using (job_id, stage, gen, index)
  left join jobs j on j.job_id = n.job_id
  where o.status <> n.status;
  return null;
end $$;

create trigger log_task
after update on tasks
referencing old table as gone new table as made
for each statement
execute function log_task();

create index status_log_stage on status_log (job_id, stage, id) where record = 'stage';
