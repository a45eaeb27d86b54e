-- Returns why attempts at a job's tasks failed, with errors of one pattern
-- counted together, by the index attempts_kind.
--
-- It reads a limited number of patterns of each stage (kinds), and a limited
-- number of attempts of each pattern (most), starting with those that ended a
-- task.
select
  s.name as stage, k.fingerprint,
  error_pattern(e.error) as pattern, e.error as message, e.outcome,
  f.tasks, f.attempts, f.first_seen, f.last_seen,
  array(
    select distinct x.index
    from (
      select a.index
      from attempts a
      where a.job_id = s.job_id and a.stage = s.stage and a.gen = s.gen
        and a.fingerprint = k.fingerprint
      order by a.job_id, a.stage, a.gen, a.fingerprint, a.final desc, a.index
      limit @shown
    ) x
    order by x.index
  ) as indexes
from stages s
join jobs j on j.job_id = s.job_id and j.purge_started_at is null
-- The patterns of the stage, found by walking the index from one to the next.
cross join lateral (
  with recursive k as (
    (
      select a.fingerprint, 1 as n
      from attempts a
      where a.job_id = s.job_id and a.stage = s.stage and a.gen = s.gen
        and a.fingerprint is not null
      order by a.job_id, a.stage, a.gen, a.fingerprint
      limit 1
    )
    union all
    select x.fingerprint, k.n + 1
    from k
    cross join lateral (
      select a.fingerprint
      from attempts a
      where a.job_id = s.job_id and a.stage = s.stage and a.gen = s.gen
        and a.fingerprint > k.fingerprint
      order by a.job_id, a.stage, a.gen, a.fingerprint
      limit 1
    ) x
    where k.n < @kinds
  )
  select k.fingerprint
  from k
) k
-- The counts of each pattern.
cross join lateral (
  select
    count(*) filter (where x.final)::int as tasks,
    count(*)::int as attempts,
    min(x.ended_at) as first_seen,
    max(x.ended_at) as last_seen
  from (
    select a.final, a.ended_at
    from attempts a
    where a.job_id = s.job_id and a.stage = s.stage and a.gen = s.gen
      and a.fingerprint = k.fingerprint
    order by a.job_id, a.stage, a.gen, a.fingerprint, a.final desc, a.index
    limit @most
  ) x
) f
-- One error as an example.
cross join lateral (
  select a.error, a.outcome
  from attempts a
  where a.job_id = s.job_id and a.stage = s.stage and a.gen = s.gen
    and a.fingerprint = k.fingerprint
  order by a.job_id, a.stage, a.gen, a.fingerprint, a.final desc, a.index
  limit 1
) e
where s.job_id = @job_id
  and (@stage = '' or s.name = @stage)
  and (not @ended or s.failed > 0 and f.tasks > 0)
order by f.tasks desc, f.attempts desc, s.stage, k.fingerprint
limit @groups
