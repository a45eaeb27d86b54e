-- Returns what the finally stages of a job may know about it: the outcome and
-- the error.
select coalesce(outcome::text, '') as outcome, error::text as error
from jobs
where job_id = @job_id
