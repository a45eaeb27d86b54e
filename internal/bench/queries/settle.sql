-- What autovacuum would do soon, before the clock runs.
vacuum (analyze) tasks
