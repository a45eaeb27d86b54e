-- Ends a message that this worker holds and whose work is done, or of the past.
delete from messages
where job_id = @job_id and message_id = @message_id and worker_id = @worker and attempt = @attempt
