-- Writes the callback URLs of jobs that this transaction starts. An empty one
-- removes the URL of an earlier run.
--
-- Locks: jobs that this transaction has written.
update jobs j
set callback_url = nullif(k.callback_url, '')
from unnest(@job_ids::bytea[], @callback_urls::text[]) as k (job_id, callback_url)
where j.job_id = k.job_id
  and j.callback_url is distinct from nullif(k.callback_url, '')
