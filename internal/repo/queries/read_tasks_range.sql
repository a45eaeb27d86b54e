-- Returns tasks of one stage by index: those after one index up to another. A
-- task without a row has not ended. A queued task under a message that a worker
-- holds is running.
--
-- The page is cut before the held messages are looked at. Without a status, no
-- index beyond the page is looked at.
with
-- The messages that workers hold.
held as materialized (
  select m.first, m.count, m.attempt, m.claimed_at, m.progress
  from messages m
  where m.job_id = @job_id
    and m.kind = 2
    and m.stage = @stage
    and m.gen = @gen
    and m.worker_id is not null
)
select
  t.index,
  case when h.attempt is null then t.status::text else 'running' end as status,
  coalesce(h.attempt, t.attempt)::int as attempt,
  t.failures::int as failures,
  t.losses::int as losses,
  coalesce(h.claimed_at, t.started_at) as started_at,
  t.finished_at,
  coalesce(t.error, '') as error,
  case when octet_length(t.result) <= @result_most then t.result end as result,
  h.progress -> t.index::text as progress,
  null::int as edge
from (
  select
    g.index,
    coalesce(t.status, 'queued') as status,
    coalesce(t.attempt, 0) as attempt,
    coalesce(t.failures, 0) as failures,
    coalesce(t.losses, 0) as losses,
    t.started_at, t.finished_at, t.error, t.result
  from generate_series(
    @after::int + 1,
    case when @status = '' then least(@until::int, @after::int + @most::int) else @until::int end
  ) as g (index)
  -- offset 0: one look-up by the whole key each.
  left join lateral (
    select *
    from tasks t
    where t.job_id = @job_id and t.stage = @stage and t.gen = @gen and t.index = g.index
    offset 0
  ) t on true
  where @status = ''
     or coalesce(t.status, 'queued')::text = @status
  order by g.index
  limit @most
) t
left join lateral (
  select held.attempt, held.claimed_at, held.progress
  from held
  where t.status = 'queued'
    and t.index >= held.first
    and t.index < held.first + held.count
    and (held.count = 1 or t.failures = 0)
  limit 1
) h on true
order by t.index
