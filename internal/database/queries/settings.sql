-- Gives one transaction its settings, behind a pooler that shares sessions: nothing of them outlives the transaction.
select set_config(s.name, s.value, true) from unnest(@names::text[], @values::text[]) as s (name, value)
