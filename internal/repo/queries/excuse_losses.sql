-- Takes back the losses that were counted for a worker which lost its lease and
-- came back, for the ranges of tasks that it held.
--
-- Guard: the record of the lost attempt. It becomes an interrupted one, so that
-- a repeat finds nothing. A task that failed because of its losses stays
-- failed.
--
-- Locks: tasks in the order given, which is key order.
with
-- The lost attempts of this worker.
given as materialized (
  select k.job_id, k.stage, k.gen, g.index, k.attempt
  from unnest(
    @job_ids::bytea[], @stages::smallint[], @gens::int[], @firsts::int[], @counts::int[],
    @attempts::int[]
  ) as k (job_id, stage, gen, first, count, attempt)
  cross join lateral generate_series(k.first, k.first + k.count - 1) as g (index)
  -- offset 0: one look-up by the whole key each.
  cross join lateral (
    select a.outcome, a.final, a.worker_id
    from attempts a
    where a.job_id = k.job_id and a.stage = k.stage and a.gen = k.gen and a.index = g.index
      and a.attempt = k.attempt
    offset 0
  ) a
  where a.outcome = 'lost'
    and not a.final
    and a.worker_id = @worker
),
-- Locks their tasks.
locked as materialized (
  select k.*
  from given k
  cross join lateral (
    select t.status, t.losses
    from tasks t
    where t.job_id = k.job_id and t.stage = k.stage and t.gen = k.gen and t.index = k.index
    offset 0
    for no key update
  ) t
  where t.losses > 0
    and t.status <> 'failed'
),
-- Lowers their losses.
lowered as (
  update tasks t
  set losses = t.losses - 1
  from locked l
  where t.job_id = l.job_id and t.stage = l.stage and t.gen = l.gen and t.index = l.index
)
update attempts a
set outcome = 'interrupted', error = 'the process that ran it lost its lease and came back'
from locked l
where a.job_id = l.job_id and a.stage = l.stage and a.gen = l.gen and a.index = l.index
  and a.attempt = l.attempt
