-- Plans the next chunk of a stage whose inputs are pure: its tasks have no rows before they end. planned is the resume point and the
-- guard; the plan message is the fence. A repeat after a lost COMMIT answer finds its own chunk and counts as landed. Only a task of
-- match_previous whose predecessor did not complete is written, as cancelled, so that indexes stay contiguous.
with m as materialized (
  select 1 from messages
  where job_id = @job_id and message_id = @message_id and worker_id = @worker and attempt = @attempt
  for no key update
),
s as materialized (
  select s.* from stages s
  where s.job_id = @job_id and s.stage = @stage and s.gen = @gen and s.status = 'running' and s.total is null
    and s.planned in (@planned::int, @planned::int + @count::int) and exists (select from m)
  for no key update
),
t as (
  insert into tasks (job_id, stage, gen, index, status, error, finished_at)
  select s.job_id, s.stage, s.gen, g, 'cancelled',
         '{"code":"predecessor_failed","message":"the task that it follows did not complete"}', clock_timestamp()
  from s
  join stages d on d.job_id = s.job_id and d.stage = s.depends_on[1]
  cross join generate_series(@planned::int, @planned::int + @count::int - 1) g
  left join lateral ( -- offset 0: one look-up by the whole key each, where a join could read the stage for each of its tasks
    select p.status from tasks p
    where p.job_id = s.job_id and p.stage = d.stage and p.gen = d.gen and p.index = g
    offset 0
  ) p on true
  where @follows::bool and s.planned = @planned::int and p.status is distinct from 'completed'
  returning 1
)
update stages s
set planned = @planned::int + @count::int, cancelled = s.cancelled + (select count(*) from t),
    sparse = s.sparse or exists (select from t), progressed_at = now()
where s.job_id = @job_id and s.stage = @stage and exists (select from s)
returning s.planned
