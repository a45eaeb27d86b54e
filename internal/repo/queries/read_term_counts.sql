-- Counts the jobs of each term in a time window by index, up to a limit, so that
-- a list can begin with the rarest. Row 0 counts the jobs of the statuses, and
-- row -1 those of the type; they are null if the list does not filter by them.
select w.n::int, (
  select count(*)
  from (
    select
    from job_terms t
    where t.term = w.term
      and t.value = w.value
      and t.created_at >= coalesce(
        @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
      )
      and t.created_at <= coalesce(
        @until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'
      )
    limit @scan
  ) x
)::int as count
from unnest(@terms::text[], @term_values::text[]) with ordinality as w (term, value, n)
union all
select 0, case
  when cardinality(@statuses::text[]) > 0 then (
    select count(*)
    from unnest(@statuses::text[]) as w (status)
    cross join lateral (
      select
      from jobs j
      where j.status = w.status::job_status
        and j.created_at >= coalesce(
          @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
        )
        and j.created_at <= coalesce(
          @until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'
        )
      limit @scan
    ) x
  )
end::int
union all
select -1, case
  when @job_type <> '' then (
    select count(*)
    from (
      select
      from jobs j
      where j.job_type = @job_type
        and j.created_at >= coalesce(
          @since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'
        )
        and j.created_at <= coalesce(
          @until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'
        )
      limit @scan
    ) x
  )
end::int
