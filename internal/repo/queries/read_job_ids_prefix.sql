-- Returns the jobs whose id is in a range, in list order. With four hex digits,
-- the range has one of 65,536 jobs. The other filters apply to those.
with
-- The jobs of the range.
in_range as materialized (
  select job_id, created_at, status, job_type, purge_started_at
  from jobs
  where job_id >= @low
    and job_id <= @high
)
select j.job_id, j.created_at
from in_range j
where j.created_at >= coalesce(
    @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
  )
  and j.created_at <= least(
    coalesce(@until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'),
    coalesce(@after_at::timestamptz, 'infinity')
  )
  and (@after_at::timestamptz is null or j.created_at < @after_at or j.job_id > @after_id)
  and (cardinality(@statuses::text[]) = 0 or j.status::text = any (@statuses::text[]))
  and (@job_type = '' or j.job_type = @job_type)
  and j.purge_started_at is null
order by j.created_at desc, j.job_id
limit @most
