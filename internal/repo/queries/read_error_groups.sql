-- What ended tasks of a job as failed, errors that differ in nothing but numbers counted together. Of each stage with failed
-- tasks it reads the first @scan unsuccessful attempts by key, whatever the stage's size.
select s.name as stage, g.message, g.index, g.count
from stages s
cross join lateral (
  select min(f.index) as index, count(*)::int as count, (array_agg(f.error order by f.index))[1] as message
  from (
    select a.index, a.error, a.final from attempts a
    where a.job_id = s.job_id and a.stage = s.stage and a.gen = s.gen
    order by a.job_id, a.stage, a.gen, a.index, a.attempt
    limit @scan
  ) f
  where f.final
  group by regexp_replace(left(f.error, 300), '[0-9]+', '0', 'g')
) g
where s.job_id = @job_id and s.failed > 0
order by g.count desc, s.stage, g.index
limit @most
