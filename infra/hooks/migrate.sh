#!/bin/sh
# Migrates the schema before a deployment, as the Entra administrator of the
# database, and gives the app's identity the rights to read and write rows. It
# can run again. azd and deploy.yml set the variables from the outputs of
# infra/main.bicep.
set -eu

: "${AZURE_RESOURCE_GROUP:?}" "${DATABASE_SERVER:?}" "${DATABASE_HOST:?}" "${DATABASE_NAME:?}"
: "${DATABASE_ADMIN_NAME:?}" "${IDENTITY_NAME:?}" "${IDENTITY_PRINCIPAL_ID:?}"

# The firewall admits this machine while the script runs. The lock of the server
# prevents the deletion of a rule, so that the script sets it to an address that
# no machine has instead. With a VNet there is no public address: run the script
# inside the network.
admit() { # ADDRESS
  az postgres flexible-server firewall-rule create --resource-group "$AZURE_RESOURCE_GROUP" \
    --server-name "$DATABASE_SERVER" --name migrate \
    --start-ip-address "$1" --end-ip-address "$1" --output none
}

if [ "${VNET_ENABLED:-false}" != true ]; then
  address=${CLIENT_IP:-$(curl -fsS https://api.ipify.org)}
  trap 'admit 0.0.0.1' EXIT
  admit "$address"
fi

PGPASSWORD=$(az account get-access-token --resource-type oss-rdbms --query accessToken --output tsv)
PGUSER=$DATABASE_ADMIN_NAME
PGHOST=$DATABASE_HOST
PGSSLMODE=verify-full
PGSSLROOTCERT=${PGSSLROOTCERT:-system} # psql 15 and older: the file of the certificate authorities
export PGPASSWORD PGUSER PGHOST PGSSLMODE PGSSLROOTCERT

psql --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres --set name="$IDENTITY_NAME" \
  --set oid="$IDENTITY_PRINCIPAL_ID" --file infra/sql/role.sql

DATABASE_URL="dbname=$DATABASE_NAME" go run ./cmd/corectl migrate

psql --no-psqlrc --set ON_ERROR_STOP=1 --dbname "$DATABASE_NAME" --set name="$IDENTITY_NAME" \
  --file infra/sql/grants.sql
