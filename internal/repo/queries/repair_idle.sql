-- Whether an open job still has no message, seen under its lock.
select not exists (select from messages where job_id = @job_id)
