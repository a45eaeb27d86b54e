-- Returns whether a table exists. To select from a missing table would abort the
-- transaction of a caller.
select to_regclass(@name::text) is not null
