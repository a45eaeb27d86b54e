-- The tasks of one stage as a text, a letter for each @cell of them in the order of their indexes: the worst that is in the cell. q is
-- queued, c completed, p completed in part and queued in part, x cancelled, u running, r retrying, f failed. A queued task that a
-- worker holds is running: a bundle covers those of its range that never failed, a message of count 1 covers its task.
with held as materialized (
  select coalesce(range_agg(int4range(m.first, m.first + m.count)) filter (where m.count > 1), '{}') as bundles,
         coalesce(range_agg(int4range(m.first, m.first + 1)) filter (where m.count = 1), '{}') as singles
  from messages m
  where m.job_id = @job_id and m.kind = 2 and m.stage = @stage and m.gen = @gen and m.worker_id is not null
),
cells as materialized (
  select k.index / @cell::int as cell, max(k.rank) as worst, min(k.rank) as best
  from (
    select t.index,
           case t.status when 'failed' then 6 when 'cancelled' then 3 when 'completed' then 2
           else case when t.index <@ h.singles or t.failures = 0 and t.index <@ h.bundles then 4
                     when t.failures > 0 or t.losses > 0 then 5
                     else 1 end
           end as rank
    from held h cross join tasks t
    where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index >= 0 and t.index < @until
  ) k
  group by 1
)
select s.status, s.planned, s.completed, s.failed, s.cancelled, s.finished_at, clock_timestamp() as at,
       (select coalesce(sum(m.tasks_left), 0) from messages m
        where m.job_id = @job_id and m.kind = 2 and m.stage = @stage and m.gen = @gen and m.worker_id is not null)::int as running,
       (select coalesce(string_agg(case when c.worst = 2 and c.best = 1 then 'p' else substr('qcxurf', c.worst, 1) end, '' order by c.cell), '')
        from cells c) as cells
from stages s
where s.job_id = @job_id and s.stage = @stage and s.gen = @gen
