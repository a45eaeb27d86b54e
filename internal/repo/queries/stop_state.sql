-- How far a job's stop has come: seconds since it was asked for by the database's clock, work still held, work not ended. A stage
-- that is still being planned counts by its plan message.
select extract(epoch from clock_timestamp() - j.cancel_requested_at)::float8 as since,
       (select count(*) from messages m where m.job_id = j.job_id and m.kind <> 4 and m.worker_id is not null) as held,
       (select count(*) from messages m where m.job_id = j.job_id and m.kind <> 4 and m.worker_id is null) as queued,
       (select count(*) from stages s where s.job_id = j.job_id and s.status = 'running' and s.dispatched < s.planned
          and not exists (select from messages m where m.job_id = s.job_id and m.kind in (1, 5) and m.stage = s.stage)) as undispatched
from jobs j where j.job_id = @job_id and j.cancel_requested_at is not null and j.finished_at is null
