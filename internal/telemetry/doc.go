// Package telemetry sets up what a process tells about itself: structured logs,
// one line a record, and by OpenTelemetry traces and metrics.
//
// It owns the providers and exporters of a process, and the shape of a trace: a
// submit, below it the job, its stages, and the attempts of their tasks. Job
// and stage run in many processes and are told by whoever sees them end; their
// span ids are derived from the trace context that the job keeps, so that every
// process knows its span's parent before anybody has told it.
//
// Crash: what was not exported is lost, and only that; nothing else waits for
// it. Duplicate: what is told twice has the same span id. Reorder: children may
// be exported before their parents, in any order. An exporter that fails or is
// slow drops what it cannot hold: work is never held up.
//
// It may import internal/state, internal/view and
// internal/telemetry/keys only.
package telemetry
