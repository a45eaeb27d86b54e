-- Counts the jobs of each status in a time window, by index and up to a limit.
-- With a job type, it counts among the newest jobs of the type, up to the
-- limit, since the index of types does not contain the status.
select
  w.status,
  case
    when @job_type <> '' then (
      select count(*)
      from (
        select j.status
        from jobs j
        where j.job_type = @job_type
          and j.created_at >= coalesce(
            @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
          )
          and j.created_at <= coalesce(
            @until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'
          )
        order by j.created_at desc, j.job_id
        limit @most
      ) x
      where x.status = w.status::job_status
    )
    else (
      select count(*)
      from (
        select
        from jobs j
        where j.status = w.status::job_status
          and j.created_at >= coalesce(
            @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
          )
          and j.created_at <= coalesce(
            @until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'
          )
        limit @most
      ) x
    )
  end::int as count
from unnest(@statuses::text[]) with ordinality as w (status, n)
order by w.n
