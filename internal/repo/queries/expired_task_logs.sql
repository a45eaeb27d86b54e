-- Deletes the next log lines of tasks that are older than @age seconds, by their
-- place in the table (ctid), so that a batch costs only its own rows. Each row
-- has at most 64 KiB.
delete from task_logs
where ctid = any (array (
  select ctid
  from task_logs
  where logged_at < now() - make_interval(secs => @age)
  order by logged_at
  limit @most
))
