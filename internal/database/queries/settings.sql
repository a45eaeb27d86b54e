-- Sets parameters for one transaction. They end with it, because a pooler
-- shares the session with other clients.
select set_config(s.name, s.value, true)
from unnest(@names::text[], @values::text[]) as s (name, value)
