// Package api is the HTTP API: routes, strict decoding, one format for errors,
// one table from error codes to HTTP statuses, and the description
// openapi.yaml. Its tests check every request and answer against the
// description.
//
// The only state that it owns is which requests wait for which jobs
// (JobWatcher). Reads go through Reader, which repo implements. Changes of
// records go through Engine. Answers are views of internal/state, never rows.
//
// On a crash, nothing is lost, and waiting clients repeat their request. A
// duplicate submit finds the existing job and answers 200. The engine decides
// about duplicate cancels and retries. Reordering has no effect, because
// versions are opaque and are compared for equality only.
//
// It may import internal/state, internal/view, internal/coremachine,
// internal/handlers (for what storage returns), internal/httpserver, internal/singleflight and internal/telemetry/keys.
package api
