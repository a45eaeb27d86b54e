-- Returns the timeline of a job, oldest first.
--
-- It reads a limited number of entries (scan) and returns those of the stage.
-- edge is where it stopped, or null if it reached the end. A row with a null
-- event_id carries only the edge.
with
-- The entries to look at, numbered.
scanned as materialized (
  select x.*, row_number() over (order by x.event_id) as n
  from (
    select e.event_id, e.at, e.kind, e.stage, e.index, e.fingerprint, e.detail
    from events e
    where e.job_id = @job_id
      and e.event_id > @after
    order by e.job_id, e.event_id
    limit @scan
  ) x
)
select
  f.event_id, f.at,
  coalesce(f.kind, '') as kind,
  coalesce(f.stage, '') as stage,
  f.index,
  coalesce(f.fingerprint, 0) as fingerprint,
  f.detail,
  l.edge
from (select (select e.event_id from scanned e where e.n = @scan) as edge) l
left join lateral (
  select e.event_id, e.at, e.kind, s.name as stage, e.index, e.fingerprint, e.detail
  from scanned e
  left join stages s on s.job_id = @job_id and s.stage = e.stage
  where @stage = ''
     or s.name = @stage
  order by e.event_id
  limit @most
) f on true
