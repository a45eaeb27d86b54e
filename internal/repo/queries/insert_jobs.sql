-- Inserts job rows in the order given, which is key order. Returns the jobs
-- that did not exist.
insert into jobs (job_id, job_type, params, stages_left, has_result, traceparent)
select
  k.job_id, k.job_type, k.params::json, k.stages_left, k.has_result, nullif(k.traceparent, '')
from unnest(
  @job_ids::bytea[], @job_types::text[], @params::text[], @stages_left::smallint[],
  @has_results::bool[], @traceparents::text[]
) as k (job_id, job_type, params, stages_left, has_result, traceparent)
on conflict (job_id) do nothing
returning job_id, true as made
