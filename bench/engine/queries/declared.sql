-- Returns how many schedules are declared.
select count(*)
from schedules
where next_at is not null
