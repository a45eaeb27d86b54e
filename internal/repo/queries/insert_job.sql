-- Makes the job row, or nothing where the same job is there already.
insert into jobs (job_id, job_type, params, stages_left, has_result, traceparent)
values (@job_id, @job_type, @params::json, @stages_left, @has_result, nullif(@traceparent, ''))
on conflict (job_id) do nothing
returning attempt
