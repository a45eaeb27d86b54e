-- Inserts job rows in the order given, which is key order. Returns the jobs
-- that did not exist.
insert into jobs (job_id, job_type, params, pending_stages, has_result, traceparent)
select
  k.job_id, k.job_type, k.params::json, k.pending_stages, k.has_result, nullif(k.traceparent, '')
from unnest(
  @job_ids::bytea[], @job_types::text[], @params::text[], @pending_stages::smallint[],
  @has_results::bool[], @traceparents::text[]
) as k (job_id, job_type, params, pending_stages, has_result, traceparent)
on conflict (job_id) do nothing
returning job_id, true as made
