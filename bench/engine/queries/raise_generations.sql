-- Makes generation $2 the current one of the stages of these jobs.
update stages
set gen = $2
where job_id = any ($1::bytea[])
