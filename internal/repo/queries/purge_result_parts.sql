-- Deletes the next rows of a job in result_parts, by their place in the table: a batch costs its own rows.
delete from result_parts where ctid = any (array (select ctid from result_parts where job_id = @job_id limit @most))
