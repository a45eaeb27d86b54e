#!/usr/bin/env bash
# Runs a job on the app that was deployed. APP_NAME, APP_URL and
# AZURE_RESOURCE_GROUP are outputs of infra/main.bicep.
set -euo pipefail

curl -fsS --retry 20 --retry-delay 15 --retry-all-errors --max-time 60 --output /dev/null "$APP_URL/api/health"

CORECTL_KEY=$(az functionapp keys list --resource-group "$AZURE_RESOURCE_GROUP" --name "$APP_NAME" \
  --query functionKeys.default --output tsv)
echo "::add-mask::$CORECTL_KEY"
export CORECTL_KEY

go run ./cmd/corectl --url "$APP_URL" submit hello_world n=3 --rerun --timeout 5m --watch
