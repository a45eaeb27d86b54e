-- Returns the stages of a job whose cancel is forced, with the number of their
-- tasks by their own count (planned) and by their rows (extent).
select
  s.stage, s.gen, s.kind, s.status, s.planned,
  greatest(
    s.planned,
    coalesce(
      (
        select t.index + 1
        from tasks t
        where t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen
        order by t.job_id desc, t.stage desc, t.gen desc, t.index desc
        limit 1
      ),
      0
    )
  ) as extent
from stages s
where s.job_id = @job_id
order by s.stage
