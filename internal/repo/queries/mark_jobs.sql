-- Writes what few new jobs have, after insert_graphs in the same transaction:
-- the run key, a start that is later than the submit, and the callback URL. The
-- first stages of a delayed job are planned by messages, and these are due at its
-- start.
--
-- Locks: messages, stages and jobs that this transaction has written.
with
-- The jobs.
given as materialized (
  select
    k.job_id, nullif(k.run_key, '') as run_key, k.start_at,
    nullif(k.callback_url, '') as callback_url
  from unnest(
    @job_ids::bytea[], @run_keys::text[], @start_ats::timestamptz[], @callback_urls::text[]
  ) as k (job_id, run_key, start_at, callback_url)
),
-- Delays the messages.
due as (
  update messages m
  set due_at = g.start_at
  from given g
  where m.job_id = g.job_id
    and g.start_at is not null
    and m.worker_id is null
),
-- Delays the stages that have begun.
begun as (
  update stages s
  set started_at = g.start_at, progressed_at = g.start_at
  from given g
  where s.job_id = g.job_id
    and g.start_at is not null
    and s.status = 'running'
),
-- Logs an event for each delayed job.
logged as (
  insert into events (job_id, kind, detail)
  select job_id, 'delayed', json_build_object('start_at', start_at)
  from given
  where start_at is not null
)
update jobs j
set run_key = g.run_key, start_at = g.start_at, callback_url = g.callback_url
from given g
where j.job_id = g.job_id
