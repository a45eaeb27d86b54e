-- The little of a job that a decision about it needs.
select status, attempt, cancel_requested_at is not null and finished_at is null as stopping from jobs where job_id = @job_id
