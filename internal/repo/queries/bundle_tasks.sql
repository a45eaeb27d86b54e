-- Returns the tasks that a held message covers: the open tasks of its range,
-- and for a bundle only those that have never failed. A task without a row is
-- open.
--
-- Inputs are returned until their sum reaches the given number of bytes. later:
-- the input exists but was left out.
select
  c.index, c.failures, c.losses,
  case when c.before < @bytes then c.input end as input,
  c.before >= @bytes and c.input is not null as later
from (
  select
    g.index,
    coalesce(t.failures, 0) as failures,
    coalesce(t.losses, 0) as losses,
    t.input,
    coalesce(sum(octet_length(t.input)) over (rows unbounded preceding), 0)
      - coalesce(octet_length(t.input), 0) as before
  from generate_series(@first::int, @first::int + @count::int - 1) as g (index)
  -- offset 0: one look-up by the whole key each.
  left join lateral (
    select *
    from tasks t
    where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = g.index
    offset 0
  ) t on true
  where coalesce(t.status, 'queued') = 'queued'
    and (@count::int = 1 or coalesce(t.failures, 0) = 0)
) c
order by c.index
