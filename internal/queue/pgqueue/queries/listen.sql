-- Subscribes a connection to the notifications of its schema. It is a block
-- because LISTEN does not accept an expression.
do $$ begin execute format('listen %I', 'coremachine_' || current_schema()); end $$
