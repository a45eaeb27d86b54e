-- Deletes the oldest rows of trends that are past their retention.
delete from trends t
using (
  select minute, job_type
  from trends
  where minute < now() - make_interval(secs => @retention)
  order by minute, job_type
  limit @most
) old
where t.minute = old.minute
  and t.job_type = old.job_type
