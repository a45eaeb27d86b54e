-- Creates the role of the app's identity, in the database postgres, which alone
-- has the function. The object ID is unique; a display name is not.
select pgaadauth_create_principal_with_oid(:'name', :'oid', 'service', false, false)
where not exists (select from pg_roles where rolname = :'name');
