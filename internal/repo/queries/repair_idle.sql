-- Returns whether an open job still has no message. The caller has locked it.
select not exists (select from messages where job_id = @job_id)
