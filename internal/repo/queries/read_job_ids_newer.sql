-- Returns the jobs before a given place in list order, nearest first. It reads
-- the index jobs_new backwards.
select j.job_id, j.created_at
from jobs j
where j.created_at >= greatest(
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
