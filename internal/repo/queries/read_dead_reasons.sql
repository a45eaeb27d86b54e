-- Groups the dead letters of a queue by reason. Of the first ones by the index
-- messages_dead, up to the limit, it counts for each reason how many stand for
-- work that is still to be done (wanted).
select
  d.reason,
  count(*) filter (where d.wanted)::int as wanted,
  count(*) filter (where not d.wanted)::int as unwanted,
  min(d.since) as oldest,
  max(d.since) as newest
from (
  select
    m.dead_reason as reason, m.due_at as since,
    j.finished_at is null
      and (m.kind in (3, 4, 6) or coalesce(s.gen = m.gen and s.finished_at is null, false)) as wanted
  from messages m
  join jobs j on j.job_id = m.job_id
  left join stages s on m.kind in (1, 2, 5) and s.job_id = m.job_id and s.stage = m.stage
  where m.queue = @queue
    and m.dead_reason is not null
  order by m.queue, m.message_id
  limit @most
) d
group by d.reason
order by count(*) desc, d.reason
limit @groups
