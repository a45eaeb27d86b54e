-- Deletes the next rows of a job in events, by their place in the table: a batch costs its own rows.
delete from events where ctid = any (array (select ctid from events where job_id = @job_id limit @most))
