-- Deletes the next rows of a job in tasks, by their place in the table: a batch costs its own rows.
delete from tasks where ctid = any (array (select ctid from tasks where job_id = @job_id limit @most))
