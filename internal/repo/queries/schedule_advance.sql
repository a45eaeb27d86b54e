-- Moves a schedule to its next slot, and records what became of the slots before
-- it. The caller has locked the schedule.
with
-- Moves the schedule.
moved as (
  update schedules
  set
    next_at = @next,
    last_slot = case when @job_id::bytea is not null then @slot else last_slot end,
    last_job_id = coalesce(@job_id::bytea, last_job_id),
    fired = fired + (@job_id::bytea is not null)::int,
    skipped = skipped + @skipped::int,
    missed = missed + @missed::int,
    error = null,
    error_at = null
  where name = @name
  returning name
),
-- Records the slots that were missed, and the one that was decided.
logged as (
  insert into schedule_runs (name, outcome, slot, slots, job_id)
  select name, 'missed', @next_at::timestamptz, @missed::int, null
  from moved
  where @missed::int > 0
  union all
  select name, case when @skipped::int > 0 then 'skipped' else 'fired' end, @slot, 1, @job_id
  from moved
  where @skipped::int > 0 or @job_id::bytea is not null
  returning run_id
)
-- Keeps the newest entries.
delete from schedule_runs r
where r.name = @name
  and r.run_id < (
    select k.run_id
    from schedule_runs k
    where k.name = @name
    order by k.run_id desc
    offset @keep
    limit 1
  )
