-- Locks the stages that are about to end, and the stages that wait for them, in
-- key order.
--
-- end_stages then runs as a statement that began when no other transaction
-- could end a dependency of these stages. It sees what a dependency that ended
-- at the same time has counted.
with
-- The stages that are about to end.
given as materialized (
  select *
  from unnest(@job_ids::bytea[], @stages::smallint[]) as k (job_id, stage)
),
-- These, and the stages that wait for them.
affected as (
  select distinct d.job_id, d.stage
  from given k
  cross join lateral (
    select d.job_id, d.stage
    from stages d
    where d.job_id = k.job_id
      and (d.stage = k.stage or d.status = 'waiting' and k.stage = any (d.depends_on))
    offset 0
  ) d
  order by d.job_id, d.stage
)
select count(*)
from affected w
cross join lateral (
  select
  from stages d
  where d.job_id = w.job_id and d.stage = w.stage
  offset 0
  for no key update
) d
