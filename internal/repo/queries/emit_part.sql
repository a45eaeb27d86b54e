-- Stores one part of a running attempt's output; the message row is the fence. A repeat with the same content counts as stored. Another
-- content under a used number is refused, and its digest is returned: null where it was committed after this statement began.
with m as materialized (
  select m.attempt from messages m
  where m.job_id = @job_id and m.message_id = @message_id and m.worker_id = @worker and m.attempt = @attempt
  for key share of m -- whoever ends the message waits, or the part could outlive the job
),
p as (
  insert into result_parts as r (job_id, stage, gen, index, attempt, part, data)
  select @job_id, @stage, @gen, @index, m.attempt, @part, @data from m
  on conflict (job_id, stage, gen, index, attempt, part) do update set data = r.data where r.data = excluded.data
  returning 1
)
select exists (select from m) as held, exists (select from p) as stored,
       case when not exists (select from p)
            then (select sha256(r.data) from result_parts r
                  where r.job_id = @job_id and r.stage = @stage and r.gen = @gen and r.index = @index and r.attempt = @attempt
                    and r.part = @part) end as found
