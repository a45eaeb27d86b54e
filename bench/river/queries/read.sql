-- Returns one result.
select result
from results
where run = $1
  and stage = $2
  and index = $3
