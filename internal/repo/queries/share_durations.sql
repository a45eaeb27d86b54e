-- Stores how long tasks of some types take, and returns what was stored for all
-- types before. Rows are written in key order, since other processes write them
-- too.
with
-- Stores the durations.
stored as (
  insert into task_durations (task_type, nanos)
  select task_type, nanos
  from unnest(@task_types::text[], @nanos::bigint[]) as t (task_type, nanos)
  order by task_type
  on conflict (task_type) do update
  set nanos = excluded.nanos, told_at = excluded.told_at
)
select task_type, nanos
from task_durations
