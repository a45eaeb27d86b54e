-- Passes over stalled work, newest first.
select w.sweep_id, w.started_at, w.ended_at, w.found, coalesce(w.error, '') as error
from sweeps w
where @before = 0 or w.sweep_id < @before
order by w.sweep_id desc
limit @most
