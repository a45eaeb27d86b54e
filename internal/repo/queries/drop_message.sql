-- Deletes a message whose work is done or outdated.
--
-- Guard: this worker holds it under this attempt.
delete from messages
where job_id = @job_id
  and message_id = @message_id
  and worker_id = @worker
  and attempt = @attempt
