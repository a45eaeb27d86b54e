-- Locks stages that are to end, and what waits for them, in key order, ahead of end_stages. That one is then a statement that began when
-- nobody else could end a dependency of theirs: it sees what the dependency that ended beside has counted.
with k as materialized (
  select * from unnest(@job_ids::bytea[], @stages::smallint[]) as k (job_id, stage)
),
w as (
  select distinct d.job_id, d.stage
  from k
  cross join lateral (
    select d.job_id, d.stage from stages d
    where d.job_id = k.job_id and (d.stage = k.stage or d.status = 'waiting' and k.stage = any (d.depends_on))
    offset 0
  ) d
  order by d.job_id, d.stage
)
select count(*)
from w
cross join lateral (select from stages d where d.job_id = w.job_id and d.stage = w.stage offset 0 for no key update) d
