-- Splits a held bundle: what has not started goes on as a message of its own, which any worker may take. Where that is all that is
-- left, the held message ends. Its attempt is that before this claim, under which none of these tasks ran. A repeat finds its own effect: a range that ends there already, or no message.
with m as materialized (
  select * from messages
  where job_id = @job_id and message_id = @message_id and worker_id = @worker and attempt = @attempt
    and @first > first and @first < first + count and @rest <= tasks_left
  for no key update
),
kept as (
  update messages x set count = @first - m.first, tasks_left = m.tasks_left - @rest
  from m where x.job_id = m.job_id and x.message_id = m.message_id and m.tasks_left > @rest
),
gone as (
  delete from messages x using m where x.job_id = m.job_id and x.message_id = m.message_id and m.tasks_left = @rest
)
insert into messages (job_id, queue, kind, stage, gen, first, count, tasks_left, attempt, losses, panics, traceparent)
select job_id, queue, kind, stage, gen, @first, first + count - @first, @rest, attempt - 1, losses, panics, traceparent from m
returning queue
