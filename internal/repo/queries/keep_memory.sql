-- Makes the server process keep the memory that its statements free. glibc
-- returns free memory above a threshold to the kernel, and raises the threshold
-- when a larger block is freed. Here that is the 4 MB that lpad reserves; it
-- writes a quarter of them. The planner would compute a constant twice.
select octet_length(lpad('', n, ' '))
from generate_series(1000000, 1000000) as n
