-- Returns the stages whose results a task can be made from (side 0) and the
-- stages that its own result can go to (side 1), each with the first tasks
-- concerned, up to the limit. A match_previous stage has only the task with the
-- same index. A queued task that a worker holds is running.
with
-- The stages on both sides.
links as materialized (
  select 0 as side, d.stage, d.name, d.gen, d.status, d.planned, me.kind
  from stages me
  join stages d on d.job_id = me.job_id and d.stage = any (me.depends_on)
  where me.job_id = @job_id
    and me.stage = @stage
  union all
  select 1, c.stage, c.name, c.gen, c.status, c.planned, c.kind
  from stages c
  where c.job_id = @job_id
    and @stage::smallint = any (c.depends_on)
),
-- The ranges that workers hold, by stage.
held as materialized (
  select
    m.stage, m.gen,
    coalesce(
      range_agg(int4range(m.first, m.first + m.count)) filter (where m.count > 1), '{}'
    ) as bundles,
    coalesce(
      range_agg(int4range(m.first, m.first + 1)) filter (where m.count = 1), '{}'
    ) as singles
  from messages m
  where m.job_id = @job_id
    and m.kind = 2
    and m.worker_id is not null
  group by m.stage, m.gen
)
select
  l.side, l.name as stage, l.status::text as stage_status, l.kind,
  case
    when l.kind = 'match_previous' then least(greatest(l.planned - @index::int, 0), 1)
    else l.planned
  end::int as count,
  t.index, coalesce(t.status, '') as status
from links l
left join held h on h.stage = l.stage and h.gen = l.gen
left join lateral (
  select
    g.index,
    case
      when coalesce(x.status, 'queued') = 'queued'
        and (g.index <@ h.singles or coalesce(x.failures, 0) = 0 and g.index <@ h.bundles)
        then 'running'
      else coalesce(x.status::text, 'queued')
    end as status
  from generate_series(
    case when l.kind = 'match_previous' then @index::int else 0 end,
    least(
      case when l.kind = 'match_previous' then @index::int else @most::int - 1 end,
      l.planned - 1
    )
  ) as g (index)
  -- A task without a row has not ended.
  left join lateral (
    select *
    from tasks x
    where x.job_id = @job_id and x.stage = l.stage and x.gen = l.gen and x.index = g.index
    offset 0
  ) x on true
  order by g.index
) t on true
order by l.side, l.stage, t.index
