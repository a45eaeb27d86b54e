-- Returns the events from which the runs of a job are made, oldest first: by the
-- index events_kind, the newest of each kind up to the limit.
select
  e.event_id, e.at, e.kind,
  coalesce(s.name, '') as stage,
  coalesce(e.fingerprint, 0) as fingerprint,
  e.detail
from unnest(@kinds::text[]) as k (kind)
cross join lateral (
  select e.event_id, e.at, e.kind, e.stage, e.fingerprint, e.detail
  from events e
  where e.job_id = @job_id
    and e.kind = k.kind
    and e.event_id > 0
  order by e.job_id desc, e.kind desc, e.event_id desc
  limit @most
) e
left join lateral (
  select s.name
  from stages s
  where s.job_id = @job_id and s.stage = e.stage
  offset 0
) s on true
order by e.event_id
