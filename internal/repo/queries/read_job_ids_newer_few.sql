-- Returns the jobs of read_job_ids_few that are before a given place in list
-- order, nearest first.
with
-- The jobs of the statuses, or of the type.
few as (
  select x.job_id, x.created_at
  from unnest(@statuses::text[]) as w (status)
  cross join lateral (
    select j.job_id, j.created_at, j.job_type
    from jobs j
    where j.status = w.status::job_status
      and j.created_at >= coalesce(
        @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
      )
      and j.created_at <= coalesce(
        @until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'
      )
      and j.purge_started_at is null
    order by j.created_at desc, j.job_id
    limit @scan
  ) x
  where @by_status::boolean
    and (@job_type = '' or x.job_type = @job_type)
  union all
  select x.job_id, x.created_at
  from (
    select j.job_id, j.created_at, j.status
    from jobs j
    where j.job_type = @job_type
      and j.created_at >= coalesce(
        @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
      )
      and j.created_at <= coalesce(
        @until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'
      )
      and j.purge_started_at is null
    order by j.created_at desc, j.job_id
    limit @scan
  ) x
  where not @by_status::boolean
    and (cardinality(@statuses::text[]) = 0 or x.status::text = any (@statuses::text[]))
)
select f.job_id, f.created_at, true as listed
from few f
where (f.created_at > @before_at or f.created_at = @before_at and f.job_id < @before_id)
  and not exists (
    select
    from unnest(@terms::text[], @term_values::text[]) as w (term, value)
    -- offset 0: without it, the terms of all jobs can be hashed.
    where not exists (
      select
      from job_terms o
      where o.job_id = f.job_id
        and o.term = w.term
        and o.value = w.value
      offset 0
    )
  )
order by f.created_at, f.job_id desc
limit @most
