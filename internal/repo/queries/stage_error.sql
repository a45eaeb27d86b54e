-- Records on a stage why it will fail.
update stages set error = @error::json where job_id = @job_id and stage = @stage and status = 'running' and error is null
