-- Returns the jobs of one type in list order, by the index jobs_type. Statuses
-- are filtered within the type.
select j.job_id, j.created_at
from jobs j
where j.job_type = @job_type
  and j.created_at >= coalesce(
    @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
  )
  and j.created_at <= least(
    coalesce(@until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'),
    coalesce(@after_at::timestamptz, 'infinity')
  )
  and (@after_at::timestamptz is null or j.created_at < @after_at or j.job_id > @after_id)
  and (cardinality(@statuses::text[]) = 0 or j.status::text = any (@statuses::text[]))
  and j.purge_started_at is null
order by j.created_at desc, j.job_id
limit @most
