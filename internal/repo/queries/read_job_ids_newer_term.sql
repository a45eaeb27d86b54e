-- Returns the jobs that have a term and are before a given place in list order,
-- nearest first. It reads the index job_terms_list backwards. The rest is as in
-- read_job_ids_term.
with
-- The entries of the term from the place on.
scanned as not materialized (
  select t.job_id, t.created_at
  from job_terms t
  where t.term = @term
    and t.value = @value
    and t.created_at >= greatest(
      coalesce(@since::timestamptz, now() - make_interval(secs => @since_age::float8), '-infinity'),
      @before_at::timestamptz
    )
    and t.created_at <= coalesce(
      @until::timestamptz, now() - make_interval(secs => @until_age::float8), 'infinity'
    )
    and (t.created_at > @before_at or t.job_id < @before_id)
  order by t.created_at, t.job_id desc
  limit @scan
),
-- The page.
page as materialized (
  select s.job_id, s.created_at
  from scanned s
  cross join lateral (
    select
    from jobs j
    where j.job_id = s.job_id
      and j.purge_started_at is null
      and (@job_type = '' or j.job_type = @job_type)
      and (cardinality(@statuses::text[]) = 0 or j.status::text = any (@statuses::text[]))
      and not exists (
        select
        from unnest(@terms::text[], @term_values::text[]) as w (term, value)
        where not exists (
          select
          from job_terms o
          where o.job_id = s.job_id
            and o.term = w.term
            and o.value = w.value
        )
      )
    limit 1
  ) j
  order by s.created_at, s.job_id desc
  limit @most
)
(
  select p.job_id, p.created_at, true as listed
  from page p
  order by p.created_at, p.job_id desc
)
union all
(
  select e.job_id, e.created_at, false
  from scanned e
  where (select count(*) from page) < @most
  order by e.created_at, e.job_id desc
  offset @scan - 1
  limit 1
)
