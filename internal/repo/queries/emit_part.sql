-- Stores one part of a running attempt's output; the message row is the fence. A repeated emit writes the same part again.
insert into result_parts (job_id, stage, gen, index, attempt, part, data)
select m.job_id, m.stage, m.gen, @index, m.attempt, @part, @data
from messages m
where m.job_id = @job_id and m.message_id = @message_id and m.worker_id = @worker and m.attempt = @attempt
for key share of m -- whoever ends the message waits, or the part could outlive the job
on conflict (job_id, stage, gen, index, attempt, part) do update set data = excluded.data
