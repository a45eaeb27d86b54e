-- Subscribes a connection to the notifications of its schema's queues. It needs
-- a block, since LISTEN does not accept an expression.
do $$ begin execute format('listen %I', 'coremachine_' || current_schema()); end $$
