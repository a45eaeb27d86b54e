-- Returns the jobs of some statuses that are before a given place in list
-- order, nearest first. It reads one page of each status.
select p.job_id, p.created_at
from unnest(@statuses::text[]) as w (status)
cross join lateral (
  select j.job_id, j.created_at
  from jobs j
  where j.status = w.status::job_status
    and j.created_at >= greatest(
      coalesce(@since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'),
      @before_at::timestamptz
    )
    and j.created_at <= coalesce(
      @until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'
    )
    and (j.created_at > @before_at or j.job_id < @before_id)
    and j.purge_started_at is null
  order by j.created_at, j.job_id desc
  limit @most
) p
order by p.created_at, p.job_id desc
limit @most
