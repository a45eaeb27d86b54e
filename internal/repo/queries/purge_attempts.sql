-- Deletes the next rows of a job in attempts, by their place in the table: a batch costs its own rows.
delete from attempts where ctid = any (array (select ctid from attempts where job_id = @job_id limit @most))
