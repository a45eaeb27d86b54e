-- Starts stages that user code must plan, or that need more than one
-- transaction to plan. Each gets a plan message.
--
-- Guard: the stage is waiting and has no pending dependency.
with
-- The stages to start.
given as materialized (
  select *
  from unnest(@job_ids::bytea[], @stages::smallint[]) as k (job_id, stage)
),
-- Starts them.
started as (
  update stages s
  set status = 'running', started_at = now(), progressed_at = now()
  from given k
  where s.job_id = k.job_id
    and s.stage = k.stage
    and s.status = 'waiting'
    and s.pending_dependencies = 0
  returning s.job_id, s.stage, s.gen
),
-- Logs an event for each.
logged as (
  insert into events (job_id, kind, stage, gen)
  select job_id, 'stage_started', stage, gen
  from started
)
-- Writes the plan messages (kind 1).
insert into messages (job_id, queue, kind, stage, gen, traceparent)
select s.job_id, 1, 1, s.stage, s.gen, j.traceparent
from started s
join jobs j using (job_id)
