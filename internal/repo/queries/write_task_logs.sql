-- Keeps the log lines of attempts whose ends the same transaction records. It
-- runs first, because the end of the last task of a message deletes the message.
--
-- Guard: the message row is the fence. It is locked, so that a purge, which
-- deletes the messages of a job first, waits. A repeat changes nothing.
--
-- A task keeps at most @most bytes. The lines of earlier attempts make room.
--
-- Locks: messages in the order given (which is key order).
with
-- The attempts that the fence admits.
held as materialized (
  select
    k.job_id, k.stage, k.gen, k.index, k.incarnation, m.attempt, k.dropped, k.lines,
    octet_length(k.lines) as size
  from unnest(
    @job_ids::bytea[], @message_ids::bigint[], @attempts::int[], @stages::smallint[],
    @gens::int[], @indexes::int[], @incarnations::bigint[], @dropped::int[], @lines::bytea[]
  ) with ordinality
    as k (job_id, message_id, attempt, stage, gen, index, incarnation, dropped, lines, n)
  cross join lateral (
    select m.attempt
    from messages m
    where m.job_id = k.job_id
      and m.message_id = k.message_id
      and m.worker_id = @worker
      and m.attempt = k.attempt
    offset 0
    for no key update
  ) m
  order by k.n
),
-- The rows of earlier attempts that no longer fit.
outgrown as (
  select l.place
  from held h
  cross join lateral (
    select
      l.ctid as place,
      h.size + sum(octet_length(l.lines)) over (order by l.attempt desc) as upto
    from task_logs l
    where l.job_id = h.job_id and l.stage = h.stage and l.gen = h.gen and l.index = h.index
      and l.incarnation = h.incarnation
      and l.attempt < h.attempt
    offset 0
  ) l
  where l.upto > @most::bigint
),
-- Deletes them.
deleted as (
  delete from task_logs
  where ctid = any (array (select place from outgrown))
)
insert into task_logs (job_id, stage, gen, index, incarnation, attempt, dropped, lines)
select job_id, stage, gen, index, incarnation, attempt, dropped, lines
from held
on conflict do nothing
