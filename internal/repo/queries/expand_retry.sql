-- Opens the failed and cancelled tasks in the next range of a stage again. The
-- generation stays, and completed tasks stay completed.
--
-- Guard: the reopen message is the fence, and its first is both the resume
-- point and a guard. A repeat after a lost COMMIT answer finds it moved and
-- counts as landed.
--
-- Locks: the message, the stage, then its tasks. The stage is locked before its
-- tasks, as in planning: no other transaction writes tasks without a message.
-- Returns the number of planned tasks.
with
-- The fence, before or after this range.
fence as materialized (
  select first
  from messages
  where job_id = @job_id
    and message_id = @message_id
    and worker_id = @worker
    and attempt = @attempt
    and kind = 5
    and first in (@first::int, @first::int + @count::int)
  for no key update
),
-- Locks the stage.
locked as materialized (
  select s.planned
  from stages s
  where s.job_id = @job_id
    and s.stage = @stage
    and s.gen = @gen
    and s.reopening
    and exists (select from fence)
  for no key update
),
-- The tasks to open.
undone as materialized (
  select t.index, t.status, t.attempt, t.ctid as place
  from tasks t
  where t.job_id = @job_id and t.stage = @stage and t.gen = @gen
    and t.index >= @first
    and t.index < @first::int + @count::int
    and t.status in ('failed', 'cancelled')
    and exists (select from locked)
    and exists (select from fence m where m.first = @first)
),
-- Opens them by ctid. A join could compare each task with each.
opened as (
  update tasks
  set
    status = 'queued',
    failures = 0,
    losses = 0,
    error = null,
    started_at = null,
    finished_at = null
  where ctid = any (array (select o.place from undone o))
),
-- Records that their last attempts no longer end them.
reopened_attempts as (
  update attempts
  set final = false
  where ctid = any (
    array (
      select a.place
      from undone o
      cross join lateral (
        select a.ctid as place
        from attempts a
        where a.job_id = @job_id and a.stage = @stage and a.gen = @gen and a.index = o.index
          and a.attempt = o.attempt
          and a.final
        offset 0
      ) a
    )
  )
),
-- Moves the resume point.
moved as (
  update messages
  set first = @first::int + @count::int
  where job_id = @job_id
    and message_id = @message_id
    and exists (select from locked)
)
update stages s
set
  failed = s.failed - (select count(*) from undone where status = 'failed'),
  cancelled = s.cancelled - (select count(*) from undone where status = 'cancelled'),
  progressed_at = now()
where s.job_id = @job_id
  and s.stage = @stage
  and exists (select from locked)
returning s.planned
