-- Logs on the timeline that missing messages of an open job were recreated.
insert into events (job_id, kind)
values (@job_id, 'repaired')
