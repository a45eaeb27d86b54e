-- Inserts job rows as insert_jobs does, until the limit of open jobs is
-- reached. lock_queued has let this transaction in alone, so it counts what the
-- one before it committed.
--
-- Returns the jobs that did not exist. made is false for a job that was
-- refused.
with
-- How many jobs can still be opened.
room as materialized (
  select @limit::int - count(*) as n
  from (
    select 1
    from jobs
    where status in ('queued', 'running')
    limit @limit
  ) j
),
-- The jobs that do not exist, numbered.
fresh as materialized (
  select k.*, row_number() over (order by k.n) as place
  from unnest(
    @job_ids::bytea[], @job_types::text[], @params::text[], @pending_stages::smallint[],
    @has_results::bool[], @traceparents::text[]
  ) with ordinality as k (job_id, job_type, params, pending_stages, has_result, traceparent, n)
  where not exists (select from jobs j where j.job_id = k.job_id)
),
-- Inserts as many as there is room for.
inserted as (
  insert into jobs (job_id, job_type, params, pending_stages, has_result, traceparent)
  select
    f.job_id, f.job_type, f.params::json, f.pending_stages, f.has_result, nullif(f.traceparent, '')
  from fresh f
  join room r on f.place <= r.n
  order by f.n
  on conflict (job_id) do nothing
  returning job_id
)
select job_id, true as made
from inserted
union all
select f.job_id, false
from fresh f
join room r on f.place > r.n
