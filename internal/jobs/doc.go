// Package jobs holds what can be run: one file a job, and the literal map All of them. A job that is in the map exists; one that
// is not does not.
//
// It owns the definitions: parameters, stages and planners, all pure. Nothing here runs in a transaction, keeps state or
// reads a clock, so there is nothing to lose in a crash and a definition evaluated twice gives the same.
//
// It may import internal/state, internal/handlers and internal/jobs/define.
package jobs
