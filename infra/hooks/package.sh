#!/bin/sh
# Builds the package in dist: the static Linux executable, host.json and a folder
# for each function.
set -eu

rm -rf dist
mkdir dist
CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -ldflags "-s -w" -o dist/handler ./cmd/handler
chmod 755 dist/handler
cp host.json dist/host.json

for file in function.json/*.json; do
  name=$(basename "$file" .json)
  mkdir "dist/$name"
  cp "$file" "dist/$name/function.json"
done
