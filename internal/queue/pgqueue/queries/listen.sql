-- Subscribes a connection to what is told of its schema's queues. In a block, since LISTEN itself takes no expression.
do $$ begin execute format('listen %I', 'coremachine_' || current_schema()); end $$
