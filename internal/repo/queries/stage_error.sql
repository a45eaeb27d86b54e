-- Records on a stage why it will fail.
--
-- Guard: the stage is running and has no error yet.
update stages
set error = @error::json
where job_id = @job_id
  and stage = @stage
  and status = 'running'
  and error is null
