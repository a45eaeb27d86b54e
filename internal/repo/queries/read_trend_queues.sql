-- Returns the highest depth and age of the queues in steps of a period. A step
-- without a sweep has no row.
select
  floor(extract(epoch from minute - @from::timestamptz) / @step::float8)::int as step, queue,
  max(waiting), max(dead), max(oldest_seconds)
from queue_trends
where minute >= @from and minute < @until
group by 1, 2
order by 1, 2
