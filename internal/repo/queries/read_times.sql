-- Returns how long completed tasks took, by stage, from a sample that is spread
-- evenly over the indexes and looked up by key. Many stages share the limit, so
-- that the samples of a job with many stages are smaller.
select s.name as stage, p.times[1] as p50, p.times[2] as p95, p.n as sample
from (
  select s.*, greatest(least(@sample::int, @most::int / count(*) over ()), 1)::int as size
  from stages s
  where s.job_id = @job_id
    and s.completed > 0
  order by s.job_id, s.stage
  limit @most
) s
cross join lateral (
  select
    percentile_disc(array[0.5, 0.95]) within group (
      order by extract(epoch from k.finished_at - k.started_at)::float8
    ) as times,
    count(*)::int as n
  from generate_series(0, least(s.planned, s.size) - 1) g (i)
  -- The limit keeps the planner from joining on less than the whole key.
  cross join lateral (
    select t.started_at, t.finished_at, t.status
    from tasks t
    where t.job_id = @job_id and t.stage = s.stage and t.gen = s.gen
      and t.index = (g.i::bigint * s.planned / least(s.planned, s.size))::int
    limit 1
  ) k
  where k.status = 'completed'
    and k.started_at is not null
) p
where p.n > 0
order by s.stage
