-- Gives stages of an idle job that are being planned, or reopened, or that could start and did not, their message again.
with s as (
  update stages s set status = 'running', started_at = coalesce(s.started_at, now())
  where s.job_id = @job_id and (s.status = 'running' and s.total is null or s.status = 'waiting' and s.deps_left = 0)
  returning s.job_id, s.stage, s.gen, s.reopening
)
insert into messages (job_id, queue, kind, stage, gen) select job_id, 1, case when reopening then 5 else 1 end, stage, gen from s
