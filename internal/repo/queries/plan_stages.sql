-- Starts stages that user code, or more than one transaction, must plan: a plan message each.
with k as materialized (
  select * from unnest(@job_ids::bytea[], @stages::smallint[]) as k (job_id, stage)
),
s as (
  update stages s set status = 'running', started_at = now(), progressed_at = now()
  from k
  where s.job_id = k.job_id and s.stage = k.stage and s.status = 'waiting' and s.deps_left = 0
  returning s.job_id, s.stage, s.gen
),
told as (
  insert into events (job_id, kind, stage, gen) select job_id, 'stage_started', stage, gen from s
)
insert into messages (job_id, queue, kind, stage, gen, traceparent)
select s.job_id, 1, 1, s.stage, s.gen, j.traceparent from s join jobs j using (job_id)
