-- Starts a job that has ended again, from the beginning. Its messages and stage
-- rows are deleted. The caller writes new ones.
--
-- Guard: the status of the job is one of those given, it is not marked for
-- deletion, and there are fewer open jobs than the limit (0: no limit).
--
-- Locks: the stages before the job, as a retry does. Returns the new attempt
-- and the highest generation of the deleted stages.
with
-- Locks the stages.
locked as materialized (
  select stage
  from stages
  where job_id = @job_id
  order by stage
  for update
),
-- Resets the job. The count of locked stages makes sure that they are locked
-- first.
reset as (
  update jobs
  set
    status = 'queued',
    attempt = attempt + 1,
    pending_stages = @pending_stages,
    has_result = @has_result,
    cancel_requested_at = null,
    finally_stages = 0,
    outcome = null,
    start_at = null,
    callback_url = null,
    started_at = null,
    finished_at = null,
    result = null,
    error = null,
    version = version + 1,
    last_submitted_at = now(),
    traceparent = nullif(@traceparent, '')
  where job_id = @job_id
    and status::text = any (@from::text[])
    and purge_started_at is null
    and (select count(*) from locked) >= 0
    and (
      @limit::int = 0
      or (
        select count(*)
        from (
          select 1
          from jobs o
          where o.status in ('queued', 'running')
          limit @limit
        ) o
      ) < @limit::int
    )
  returning attempt
),
-- Deletes the messages.
deleted_messages as (
  delete from messages
  where job_id = @job_id
    and exists (select from reset)
),
-- Deletes the stages.
deleted_stages as (
  delete from stages
  where job_id = @job_id
    and exists (select from reset)
  returning gen
)
select j.attempt, coalesce((select max(gen) from deleted_stages), 0) as gen
from reset j
