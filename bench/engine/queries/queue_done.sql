-- Returns how many tasks of those jobs have completed.
select coalesce(sum(completed), 0)
from stages
