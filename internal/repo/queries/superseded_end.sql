-- Records that nothing is left of the generations below one that was current.
update stages set swept_gen = @gen where job_id = @job_id and stage = @stage and gen >= @gen and swept_gen < @gen
