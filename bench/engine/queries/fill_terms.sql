-- Inserts the tags of those jobs: one that nine of ten have, one of a thousand
-- customers, one that a hundred jobs share, and one for a parameter.
insert into job_terms (job_id, term, value, created_at)
select
  sha256(('tagged ' || g)::bytea), k.term, k.value, $3::timestamptz - make_interval(secs => g)
from generate_series($1::int, $2::int) g
cross join lateral (
  values
    ('tag.env', case when g % 10 = 0 then 'test' else 'prod' end),
    ('tag.customer', 'customer ' || g % 1000),
    ('tag.batch', (g / 100)::text),
    ('param.n', (g % 1000)::text)
) k (term, value)
