-- Why messages of a queue were set aside: of the first @most, by the index messages_dead, how many for each reason, and how many of
-- them stand for work that is still to be done.
select d.reason, count(*) filter (where d.wanted)::int as wanted, count(*) filter (where not d.wanted)::int as unwanted,
       min(d.since) as oldest, max(d.since) as newest
from (
  select m.dead_reason as reason, m.due_at as since,
         j.finished_at is null and (m.kind in (3, 4) or coalesce(s.gen = m.gen and s.finished_at is null, false)) as wanted
  from messages m
  join jobs j on j.job_id = m.job_id
  left join stages s on m.kind in (1, 2, 5) and s.job_id = m.job_id and s.stage = m.stage
  where m.queue = @queue and m.dead_reason is not null
  order by m.queue, m.message_id
  limit @most
) d
group by d.reason
order by count(*) desc, d.reason
limit @groups
