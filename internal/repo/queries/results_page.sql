-- Returns one page of the completed results of a stage, in index order, until
-- their sum reaches the given number of bytes. The sum covers one range of
-- indexes and reads lengths only, since results are not compressed.
--
-- The number and the generation of the stage come from subqueries, so that the
-- whole key is known before the index is read.
select p.index, p.attempt, p.result
from (
  select
    t.index, t.attempt, t.result,
    sum(octet_length(t.result)) over (order by t.index rows unbounded preceding)
      - octet_length(t.result) as before
  from tasks t
  where t.job_id = @job_id
    and t.index >= @from
    and t.index < @from + @span
    and t.status = 'completed'
    and t.stage = (select s.stage from stages s where s.job_id = @job_id and s.name = @name)
    and t.gen = (select s.gen from stages s where s.job_id = @job_id and s.name = @name)
) p
where p.before < @bytes
order by p.index
