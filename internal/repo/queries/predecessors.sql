-- Returns results of the stages that some stages follow, each for a range of
-- indexes, until their sum reaches the given number of bytes. The sum covers
-- only the ranges and reads lengths only.
--
-- offset 0: the whole key is known before the index is read. A join could read
-- the range without its generation.
select p.n, p.index, p.result
from (
  select
    k.n, t.index, t.result,
    sum(octet_length(t.result)) over (order by k.n, t.index rows unbounded preceding)
      - octet_length(t.result) as before
  from unnest(@job_ids::bytea[], @stages::smallint[], @firsts::int[], @counts::int[])
    with ordinality as k (job_id, stage, first, count, n)
  cross join lateral (
    select s.gen
    from stages s
    where s.job_id = k.job_id and s.stage = k.stage
    offset 0
  ) s
  cross join lateral (
    select t.index, t.result
    from tasks t
    where t.job_id = k.job_id and t.stage = k.stage and t.gen = s.gen
      and t.index >= k.first and t.index < k.first + k.count
      and t.status = 'completed'
    offset 0
  ) t
) p
where p.before < @bytes
order by p.n, p.index
