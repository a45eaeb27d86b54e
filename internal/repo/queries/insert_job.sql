-- Makes the job row, or nothing where the same job is there already. It runs at once where this process takes its first work.
insert into jobs (job_id, job_type, params, stages_left, has_result, traceparent, status, started_at)
values (@job_id, @job_type, @params::json, @stages_left, @has_result, nullif(@traceparent, ''),
        case when @takes::bool then 'running' else 'queued' end::job_status, case when @takes::bool then now() end)
on conflict (job_id) do nothing
returning attempt
