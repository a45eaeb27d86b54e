-- Returns one page of the parts that a task's completed attempt emitted, after
-- the given part, until their sum reaches the given number of bytes. The sum
-- covers one page and reads lengths only.
select p.part, p.data
from (
  select
    p.part, p.data,
    sum(octet_length(p.data)) over (order by p.part rows unbounded preceding)
      - octet_length(p.data) as before
  from (
    select part, data
    from result_parts
    where job_id = @job_id and stage = @stage and gen = @gen and index = @index
      and attempt = @attempt
      and part > @after
    order by part
    limit @most
  ) p
) p
where p.before < @bytes
order by p.part
