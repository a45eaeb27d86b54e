-- Floor measurement: writes 500 results and the counter in one commit. The
-- whole key comes from the list, so that the planner has no other way than one
-- index look-up for each row.
with
-- The results.
given as materialized (
  select $1::bytea as job_id, 0::smallint as stage, 1::smallint as gen, index, result
  from unnest($2::int[], $3::bytea[]) as k (index, result)
),
-- Writes them.
updated as (
  update tasks t
  set status = 'completed', attempt = 1, result = k.result, finished_at = now()
  from given k
  where t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index
  returning 1
)
update floor_counter
set done = done + (select count(*) from updated)
