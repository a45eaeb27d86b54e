-- Returns the start of the current minute by the time of the database, and the
-- first minute of which the trends know something. Null: there is none.
select
  date_trunc('minute', clock_timestamp()) as until,
  least(
    (select min(minute) from trends),
    (select min(minute) from trend_counts),
    (select min(minute) from queue_trends)
  ) as since
