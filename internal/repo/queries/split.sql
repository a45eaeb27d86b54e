-- Splits a held bundle: the tasks from first on, which have not started, go to
-- a new message that any worker can claim. If they are all that is left, the
-- held message is deleted.
--
-- The attempt of the new message is the one before this claim, since none of
-- its tasks ran under this claim.
--
-- Guard: this worker holds the bundle under this attempt, and the range is cut
-- inside it. A repeat finds its own effect: the range ends there already, or
-- the message is gone.
with
-- Locks the bundle.
held as materialized (
  select *
  from messages
  where job_id = @job_id
    and message_id = @message_id
    and worker_id = @worker
    and attempt = @attempt
    and @first > first
    and @first < first + count
    and @rest <= tasks_left
  for no key update
),
-- Shortens it if tasks of it are left.
kept as (
  update messages x
  set count = @first - m.first, tasks_left = m.tasks_left - @rest
  from held m
  where x.job_id = m.job_id
    and x.message_id = m.message_id
    and m.tasks_left > @rest
),
-- Deletes it otherwise.
deleted as (
  delete from messages x
  using held m
  where x.job_id = m.job_id
    and x.message_id = m.message_id
    and m.tasks_left = @rest
)
insert into messages (
  job_id, queue, kind, stage, gen, first, count, tasks_left, attempt, losses, panics, traceparent
)
select
  job_id, queue, kind, stage, gen,
  @first, first + count - @first, @rest,
  attempt - 1, losses, panics, traceparent
from held
returning queue
