-- Releases a held message on which the engine panicked, and counts the panic.
-- The delay doubles with each panic up to a limit, with jitter.
--
-- Guard: this worker holds it under this attempt. Returns the number of panics.
update messages
set
  worker_id = null,
  claimed_at = null,
  locked_until = null,
  sent_at = null,
  send = send + 1,
  panics = panics + 1,
  due_at = now() + make_interval(
    secs => least(@cap, @first * power(2, least(panics, 30))) * (0.5 + random() / 2)
  )
where job_id = @job_id
  and message_id = @message_id
  and worker_id = @worker
  and attempt = @attempt
returning panics
