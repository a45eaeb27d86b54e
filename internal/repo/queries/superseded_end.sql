-- Records that a stage has no rows left of generations below the given one.
update stages
set swept_gen = @gen
where job_id = @job_id
  and stage = @stage
  and gen >= @gen
  and swept_gen < @gen
