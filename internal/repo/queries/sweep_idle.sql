-- Open jobs without any message: nothing will ever move them. There are none unless the books do not balance.
select j.job_id from jobs j
where j.status in ('queued', 'running') and not exists (select from messages m where m.job_id = j.job_id)
order by j.created_at
limit @most
