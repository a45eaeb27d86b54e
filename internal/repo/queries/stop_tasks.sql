-- Ends the next tasks of a stopping job that were planned and never dispatched; dispatched is the resume point. Planning that was cut
-- off ends where it stood, as does the opening of tasks for a retry. The stop message is the fence. The stage is locked first, or a
-- completion could give a message to tasks that are ended here; nobody else touches tasks that have none.
with f as materialized (
  select 1 from messages
  where job_id = @job_id and message_id = @message_id and worker_id = @worker and attempt = @attempt
  for no key update
),
s as materialized (
  select s.* from stages s
  where s.job_id = @job_id and s.status = 'running' and s.dispatched < s.planned and exists (select from f)
    and not exists (select from messages m where m.job_id = s.job_id and m.kind in (1, 5) and m.stage = s.stage)
  order by s.stage limit 1
  for no key update
),
t as ( -- those that have no row get one
  insert into tasks as t (job_id, stage, gen, index, status, finished_at)
  select s.job_id, s.stage, s.gen, g, 'cancelled', clock_timestamp()
  from s cross join lateral generate_series(s.dispatched, least(s.dispatched + @most, s.planned) - 1) g
  on conflict (job_id, stage, gen, index) do update set status = 'cancelled', finished_at = clock_timestamp()
  where t.status = 'queued'
  returning 1
)
update stages x
set total = x.planned, reopening = false, error = case when x.total is null and not x.reopening then @cut_off::json else x.error end,
    dispatched = least(s.dispatched + @most, s.planned), cancelled = x.cancelled + (select count(*) from t)
from s where x.job_id = s.job_id and x.stage = s.stage
returning x.stage
