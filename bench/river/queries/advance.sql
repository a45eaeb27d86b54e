-- The next stage, once: not landed means that somebody else did it.
update runs set stage = $2 + 1 where id = $1 and stage = $2
