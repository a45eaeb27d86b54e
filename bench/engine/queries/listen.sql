-- Listens to the channel that is named after the schema.
do $$ begin execute format('listen %I', current_schema()); end $$
