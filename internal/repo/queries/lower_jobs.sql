-- Lowers stages_left by the stages that ended, job rows locked in the order given, which is key order; the one who reaches 0 ends the job, or asks for
-- its result first. A job that is being stopped is ended by the stop message instead.
with locked as materialized (
  select k.job_id, j.stages_left - k.n as left, j.has_result, j.cancel_requested_at is not null as stopping
  from unnest(@job_ids::bytea[], @ended::int[]) as k (job_id, n)
  cross join lateral (
    select j.stages_left, j.has_result, j.cancel_requested_at from jobs j where j.job_id = k.job_id offset 0 for no key update
  ) j
),
fate as materialized (
  select l.*, l.left = 0 and not l.has_result and not l.stopping as ends,
         case when (select sum(s.failed) from stages s where s.job_id = l.job_id) > 0 then 'completed_with_errors'
              else 'completed' end::job_status as last
  from locked l
),
j as (
  update jobs j
  set stages_left = f.left, version = j.version + 1,
      status = case when f.ends then f.last else 'running' end,
      started_at = coalesce(j.started_at, now()),
      finished_at = case when f.ends then clock_timestamp() end
  from fate f
  where j.job_id = f.job_id
  returning j.job_id, j.status, f.ends, f.left = 0 and f.has_result and not f.stopping as finishes, j.traceparent
),
told as (
  insert into events (job_id, kind, detail)
  select j.job_id, 'job_ended', json_build_object('status', j.status) from j where j.ends
),
finish as (
  insert into messages (job_id, queue, kind, traceparent) select job_id, 1, 3, traceparent from j where finishes
)
select job_id, ends, finishes from j
