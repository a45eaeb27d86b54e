-- Starts a delayed job now: its first messages are due.
--
-- Guard: the job is queued, its start is in the future, and no stop was
-- requested. A repeat changes nothing, and the caller sees from start_at that
-- the start has passed.
--
-- Locks: messages and stages in key order, then the job. Returns the job before
-- the statement, and whether the statement changed it.
with
-- Locks the messages that wait for the start.
waiting as materialized (
  select message_id
  from messages
  where job_id = @job_id
    and kind = 1
    and worker_id is null
    and due_at > now()
  order by message_id
  for no key update
),
-- Locks the stages. The count of messages makes sure that they are locked first.
delayed as materialized (
  select stage
  from stages
  where job_id = @job_id
    and status = 'running'
    and started_at > now()
    and (select count(*) from waiting) >= 0
  order by stage
  for no key update
),
-- Moves the start.
moved as (
  update jobs
  set start_at = now(), version = version + 1
  where job_id = @job_id
    and status::text = 'queued'
    and start_at > now()
    and cancel_requested_at is null
    and (select count(*) from delayed) >= 0
  returning job_id
),
-- Makes the messages due.
due as (
  update messages m
  set due_at = now()
  from waiting w
  where m.job_id = @job_id
    and m.message_id = w.message_id
    and exists (select from moved)
),
-- Begins the stages.
begun as (
  update stages s
  set started_at = now(), progressed_at = now()
  from delayed d
  where s.job_id = @job_id
    and s.stage = d.stage
    and exists (select from moved)
),
-- Logs the request.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'start_requested', json_build_object('by', @by::text)
  from moved
)
select
  status, start_at,
  cancel_requested_at is not null and finished_at is null as stopping,
  purge_started_at is not null as deleting,
  exists (select from moved) as landed
from jobs
where job_id = @job_id
