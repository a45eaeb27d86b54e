-- Gives the app the rights to read and write rows, and none to change the
-- schema. The default privileges cover tables of later migrations, if the same
-- administrator runs them; run this file after each migration to be sure.
grant usage on schema public to :"name";
grant select, insert, update, delete on all tables in schema public to :"name";
grant usage, select on all sequences in schema public to :"name";
alter default privileges in schema public grant select, insert, update, delete on tables to :"name";
alter default privileges in schema public grant usage, select on sequences to :"name";
