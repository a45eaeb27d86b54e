-- Which of a worker's jobs are being stopped, or were stopped over its head: then its message rows are gone.
select job_id from jobs where job_id = any (@job_ids::bytea[]) and cancel_requested_at is not null
