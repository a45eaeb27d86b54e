// Package api is the HTTP API: routes, strict decoding, one error shape, one
// table from error codes to HTTP statuses, and the description of it all,
// openapi.yaml, against which its tests check every request and answer.
//
// It owns no state but who waits for which job (Hub). Reads go through Reader,
// which repo satisfies; whatever changes a record goes through Engine. What it
// answers is a view of internal/state, never a row.
//
// Crash: nothing is lost with the process; a client that waited asks again.
// Duplicate: a submit that is repeated finds its job and answers 200, cancel
// and retry are decided by the engine. Reorder: a version is opaque and
// compared for equality only.
//
// It may import internal/state, internal/coremachine, internal/httpserver,
// internal/singleflight and internal/telemetry/keys.
package api
