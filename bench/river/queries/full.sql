-- Returns the runs in which every task of the current stage has a result.
select r.id, r.stage, r.n
from runs r
where r.stage < 2
  and r.n = (
    select count(*)
    from results t
    where t.run = r.id
      and t.stage = r.stage
  )
