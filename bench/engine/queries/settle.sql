-- Does what autovacuum would do soon, before the measurement starts.
vacuum (analyze) tasks
