-- Deletes the next messages of a job whose cancel is forced, but the fence: without one nobody writes for the job any more. seen: there
-- were some when the statement began; one that ended meanwhile may have left others, which only the next statement sees.
with f as materialized (
  select 1 from messages
  where job_id = @job_id and message_id = @message_id and dead_reason = @holder
  for no key update
),
m as materialized (
  select job_id, message_id from messages
  where job_id = @job_id and message_id <> @message_id and exists (select from f)
  order by job_id, message_id
  limit @most
  for update
),
gone as (
  delete from messages x using m where x.job_id = m.job_id and x.message_id = m.message_id
)
select (select count(*) from m)::int as deleted,
       exists (select from messages where job_id = @job_id and message_id <> @message_id) as seen
