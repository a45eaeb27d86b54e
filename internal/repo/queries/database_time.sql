-- Returns the time of the database, which all processes share.
select clock_timestamp()
