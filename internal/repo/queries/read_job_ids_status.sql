-- Returns the jobs of some statuses in list order. The index jobs_status is
-- ordered only within a status, so it reads one page of each status.
select p.job_id, p.created_at
from unnest(@statuses::text[]) as w (status)
cross join lateral (
  select j.job_id, j.created_at
  from jobs j
  where j.status = w.status::job_status
    and j.created_at >= coalesce(
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
) p
order by p.created_at desc, p.job_id
limit @most
