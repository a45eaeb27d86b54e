-- Lets one repair of a job in at a time.
select 1 from jobs where job_id = @job_id and finished_at is null for no key update
