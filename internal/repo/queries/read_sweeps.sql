-- Returns the passes of the sweep, newest first.
select w.sweep_id, w.started_at, w.ended_at, w.found, coalesce(w.error, '') as error
from sweeps w
where w.sweep_id < coalesce(nullif(@before::bigint, 0), 9223372036854775807)
order by w.sweep_id desc
limit @most
