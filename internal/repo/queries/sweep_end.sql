-- Records what a sweep found and did.
update sweeps
set ended_at = clock_timestamp(), found = @found::json, error = nullif(@error, '')
where sweep_id = @sweep_id
