#!/bin/sh
# Finds who administrates the database, if the azd environment does not name it:
# the account that is signed in. A pipeline sets DATABASE_ADMIN_ID, _NAME and
# _TYPE itself.
set -eu

if [ -n "${DATABASE_ADMIN_ID:-}" ]; then
  exit 0
fi

azd env set DATABASE_ADMIN_ID "$(az ad signed-in-user show --query id --output tsv)"
azd env set DATABASE_ADMIN_NAME "$(az ad signed-in-user show --query userPrincipalName --output tsv)"
azd env set DATABASE_ADMIN_TYPE User
