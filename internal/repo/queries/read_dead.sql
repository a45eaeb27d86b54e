-- Returns the dead letters of a queue, oldest first, by the index
-- messages_dead.
--
-- A message is wanted while its job is open and its stage is of the same
-- generation. If its tasks had ended, its row would not exist.
select
  m.message_id, m.job_id, j.job_type, m.kind::int as kind, m.stage::int as stage,
  coalesce(s.name, '') as stage_name, m.first, m.count, m.tasks_left,
  m.deliveries::int as deliveries, m.dead_reason as reason, m.due_at as since,
  j.finished_at is null
    and (m.kind in (3, 4, 6) or coalesce(s.gen = m.gen and s.finished_at is null, false)) as wanted
from messages m
join jobs j on j.job_id = m.job_id
left join stages s on m.kind in (1, 2, 5) and s.job_id = m.job_id and s.stage = m.stage
where m.queue = @queue
  and m.dead_reason is not null
  and m.message_id > @after
  and (@reason = '' or m.dead_reason = @reason)
  and (cardinality(@ids::bigint[]) = 0 or m.message_id = any (@ids::bigint[]))
order by m.queue, m.message_id
limit @most
