-- Returns the tasks of one stage as a text with one letter for each cell. A
-- cell is a range of indexes, and its letter is the worst status in it: q
-- queued, c completed, p partly completed and partly queued, x cancelled, u
-- running, r retrying, f failed.
--
-- A queued task that a worker holds is running. A bundle covers the tasks of
-- its range that never failed. A message with count 1 covers its task. A task
-- without a row has not ended. If a cell has several such tasks, all of them
-- count as running when a held bundle overlaps the cell.
with
-- The ranges that workers hold.
held as materialized (
  select
    coalesce(
      range_agg(int4range(m.first, m.first + m.count)) filter (where m.count > 1), '{}'
    ) as bundles,
    coalesce(
      range_agg(int4range(m.first, m.first + 1)) filter (where m.count = 1), '{}'
    ) as singles,
    coalesce(sum(m.tasks_left), 0)::int as running
  from messages m
  where m.job_id = @job_id
    and m.kind = 2
    and m.stage = @stage
    and m.gen = @gen
    and m.worker_id is not null
)
select
  s.status, s.planned, s.completed, s.failed, s.cancelled, s.finished_at,
  clock_timestamp() as at,
  h.running,
  (
    select
      coalesce(
        string_agg(
          case when w.worst = 2 and w.open then 'p' else substr('qcxurf', w.worst, 1) end,
          ''
          order by c.first
        ),
        ''
      )
    from generate_series(0, @until::int - 1, @cell::int) as c (first)
    -- What the rows of the cell show.
    cross join lateral (
      select
        count(*) as rows,
        bool_or(t.status = 'queued') as open,
        max(
          case t.status
            when 'failed' then 6
            when 'cancelled' then 3
            when 'completed' then 2
            else case
              when t.index <@ h.singles or t.failures = 0 and t.index <@ h.bundles then 4
              when t.failures > 0 or t.losses > 0 then 5
              else 1
            end
          end
        ) as worst
      from tasks t
      where t.job_id = @job_id and t.stage = @stage and t.gen = @gen
        and t.index >= c.first
        and t.index < least(c.first + @cell::int, @until::int)
    ) k
    -- The range of the cell.
    cross join lateral (
      select int4range(c.first, least(c.first + @cell::int, @until::int)) as cell
    ) i
    -- Adds the tasks without a row.
    cross join lateral (
      select
        coalesce(k.open, false) or k.rows < upper(i.cell) - c.first as open,
        greatest(
          k.worst,
          case
            when k.rows = upper(i.cell) - c.first then 1
            when i.cell && h.singles or i.cell && h.bundles then 4
            else 1
          end
        ) as worst
    ) w
  ) as cells
from stages s
join jobs j on j.job_id = s.job_id and j.incarnation = @incarnation
cross join held h
where s.job_id = @job_id
  and s.stage = @stage
  and s.gen = @gen
