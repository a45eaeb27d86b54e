-- Tells how long tasks of some types take and reads what was told of all before. In the order of the key, since others tell too.
with told as (
  insert into paces (task_type, nanos)
  select task_type, nanos from unnest(@task_types::text[], @nanos::bigint[]) as t (task_type, nanos) order by task_type
  on conflict (task_type) do update set nanos = excluded.nanos, told_at = excluded.told_at
)
select task_type, nanos from paces
