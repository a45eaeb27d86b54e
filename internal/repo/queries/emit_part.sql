-- Stores one part of the output of a running attempt.
--
-- Guard: the message row is the fence. A repeat with the same content counts as
-- stored. Other content under a used part number is refused, and the digest of
-- the stored content is returned. The digest is null if that content was
-- committed after this statement began.
with
-- The fence. It is locked, so that a transaction that ends the message waits.
-- Otherwise the part could outlive the job.
fence as materialized (
  select m.attempt
  from messages m
  where m.job_id = @job_id
    and m.message_id = @message_id
    and m.worker_id = @worker
    and m.attempt = @attempt
  for key share of m
),
-- Writes the part.
written as (
  insert into result_parts as r (job_id, stage, gen, index, attempt, part, data)
  select @job_id, @stage, @gen, @index, m.attempt, @part, @data
  from fence m
  on conflict (job_id, stage, gen, index, attempt, part) do update
  set data = r.data
  where r.data = excluded.data
  returning 1
)
select
  exists (select from fence) as held,
  exists (select from written) as stored,
  case
    when not exists (select from written) then (
      select sha256(r.data)
      from result_parts r
      where r.job_id = @job_id and r.stage = @stage and r.gen = @gen and r.index = @index
        and r.attempt = @attempt
        and r.part = @part
    )
  end as found
