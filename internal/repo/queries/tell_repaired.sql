-- Puts on the timeline that an open job had no message that could move it, and was given what its record calls for.
insert into events (job_id, kind) values (@job_id, 'repaired')
