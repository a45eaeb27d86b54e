-- Returns jobs in list order: newest first, by the index jobs_new. It reads as
-- many entries as the page has.
select j.job_id, j.created_at
from jobs j
where j.created_at >= coalesce(
    @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
  )
  and j.created_at <= least(
    coalesce(@until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'),
    coalesce(@after_at::timestamptz, 'infinity')
  )
  and (@after_at::timestamptz is null or j.created_at < @after_at or j.job_id > @after_id)
  and j.purge_started_at is null
order by j.created_at desc, j.job_id
limit @most
