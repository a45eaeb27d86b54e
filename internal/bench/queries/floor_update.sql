-- The floor: 500 results and the counter, in one commit.
with u as (
  update tasks t set status = 'completed', attempt = 1, result = k.result, finished_at = now()
  from unnest($2::int[], $3::bytea[]) as k (index, result)
  where t.job_id = $1 and t.stage = 0 and t.gen = 1 and t.index = k.index
  returning 1
)
update floor_counter set done = done + (select count(*) from u)
