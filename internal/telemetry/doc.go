// Package telemetry sets up the logs, traces and metrics of a process:
// structured logs with one line for each record, and traces and metrics by
// OpenTelemetry.
//
// It owns the providers and exporters of a process, and the structure of a
// trace: a submit, its job, the stages of the job, and the attempts of their
// tasks. A job or stage runs in many processes, and the process that ends it
// exports its span. Its span ID is derived from the trace context that the job
// row stores. So every process knows the parent of its spans before that parent
// is exported.
//
// Crash: data that was not exported is lost. Nothing else depends on it.
// Duplicate: a span that is exported twice has the same ID. Reorder: spans can
// be exported before their parents. An exporter that fails or is slow drops
// data above its buffer size and does not delay the work.
//
// It may import internal/state, internal/view and internal/telemetry/keys only.
package telemetry
