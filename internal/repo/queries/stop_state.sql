-- Returns how far the stop of a job has come: the seconds since it was
-- requested by the clock of the database, the number of messages that workers
-- hold and that wait, and the number of stages with tasks that were never
-- dispatched. A stage that is still being planned or reopened counts by its
-- message (kinds 1 and 5).
select
  extract(epoch from clock_timestamp() - j.cancel_requested_at)::float8 as since,
  (
    select count(*)
    from messages m
    where m.job_id = j.job_id
      and m.kind <> 4
      and m.worker_id is not null
  ) as held,
  (
    select count(*)
    from messages m
    where m.job_id = j.job_id
      and m.kind <> 4
      and m.worker_id is null
  ) as queued,
  (
    select count(*)
    from stages s
    where s.job_id = j.job_id
      and s.status = 'running'
      and s.dispatched < s.planned
      and not exists (
        select
        from messages m
        where m.job_id = s.job_id
          and m.kind in (1, 5)
          and m.stage = s.stage
      )
  ) as undispatched
from jobs j
where j.job_id = @job_id
  and j.cancel_requested_at is not null
  and j.finished_at is null
