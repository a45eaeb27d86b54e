-- Jobs whose id lies in a range: at four hex digits one in 65,536 of all jobs. The other filters are tried on those.
with j as materialized (
  select job_id, created_at, status, job_type, purge_started_at from jobs where job_id >= @low and job_id <= @high
)
select j.job_id, j.created_at
from j
where j.created_at >= coalesce(@since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity')
  and j.created_at <= least(coalesce(@until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'),
                            coalesce(@after_at::timestamptz, 'infinity'))
  and (@after_at::timestamptz is null or j.created_at < @after_at or j.job_id > @after_id)
  and (cardinality(@statuses::text[]) = 0 or j.status::text = any (@statuses::text[]))
  and (@job_type = '' or j.job_type = @job_type)
  and j.purge_started_at is null
order by j.created_at desc, j.job_id
limit @most
