-- Counts the dead letters of a queue, limited to one reason or to some ids if
-- these are given: of the first ones, up to the limit, how many stand for work
-- that is still to be done (wanted).
select
  count(*) filter (where d.wanted)::int as wanted,
  count(*) filter (where not d.wanted)::int as unwanted
from (
  select
    j.finished_at is null
      and (m.kind in (3, 4, 6) or coalesce(s.gen = m.gen and s.finished_at is null, false)) as wanted
  from messages m
  join jobs j on j.job_id = m.job_id
  left join stages s on m.kind in (1, 2, 5) and s.job_id = m.job_id and s.stage = m.stage
  where m.queue = @queue
    and m.dead_reason is not null
    and (@reason = '' or m.dead_reason = @reason)
    and (cardinality(@ids::bigint[]) = 0 or m.message_id = any (@ids::bigint[]))
  order by m.queue, m.message_id
  limit @most
) d
