-- Makes job rows as insert_jobs does, and no more than leave @limit jobs open: who waits for lock_queued counts what the one before
-- committed. made is false for a job that was refused; one that was there already is not returned.
with room as materialized (
  select @limit::int - count(*) as n from (select 1 from jobs where status in ('queued', 'running') limit @limit) j
),
fresh as materialized (
  select k.*, row_number() over (order by k.n) as place
  from unnest(@job_ids::bytea[], @job_types::text[], @params::text[], @stages_left::smallint[], @has_results::bool[],
              @traceparents::text[])
    with ordinality as k (job_id, job_type, params, stages_left, has_result, traceparent, n)
  where not exists (select from jobs j where j.job_id = k.job_id)
),
made as (
  insert into jobs (job_id, job_type, params, stages_left, has_result, traceparent)
  select f.job_id, f.job_type, f.params::json, f.stages_left, f.has_result, nullif(f.traceparent, '')
  from fresh f join room r on f.place <= r.n
  order by f.n
  on conflict (job_id) do nothing
  returning job_id
)
select job_id, true as made from made
union all
select f.job_id, false from fresh f join room r on f.place > r.n
