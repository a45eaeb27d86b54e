-- Moves a run to the next stage, once. If no row changes, another process moved
-- it.
update runs
set stage = $2 + 1
where id = $1
  and stage = $2
