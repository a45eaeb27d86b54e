-- Acknowledges a delivery whose row the engine did not end: it counts as sent, and the sweep sends it again if its stage stands still.
update messages set sent_at = now(), locked_until = null
where job_id = @job_id and message_id = @message_id and send = @send and deliveries = @deliveries and locked_until is not null and worker_id is null
