-- Deletes the next messages of a job whose cancel is forced, except the fence.
-- Without a message no process can write for the job.
--
-- Guard: the fence. Locks: the fence, then messages in key order.
--
-- Returns how many were deleted, and whether the statement saw any when it
-- began (seen). A message that ended in the meantime may have created others,
-- which only the next statement sees.
with
-- The fence.
fence as materialized (
  select 1
  from messages
  where job_id = @job_id
    and message_id = @message_id
    and dead_reason = @holder
  for no key update
),
-- Locks the next messages.
locked as materialized (
  select job_id, message_id
  from messages
  where job_id = @job_id
    and message_id <> @message_id
    and exists (select from fence)
  order by job_id, message_id
  limit @most
  for update
),
-- Deletes them.
gone as (
  delete from messages x
  using locked m
  where x.job_id = m.job_id
    and x.message_id = m.message_id
)
select
  (select count(*) from locked)::int as deleted,
  exists (
    select from messages where job_id = @job_id and message_id <> @message_id
  ) as seen
