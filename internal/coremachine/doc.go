// Package coremachine is the engine: it submits jobs, plans stages, runs tasks,
// records their results, and stops jobs on request. One engine runs every job.
// It is built from two literal maps: jobs and handlers.
//
//	message --> claim (group commit) --> run the handler --> complete (group commit) --> what follows, in that transaction
//
// The engine owns the decisions: whether to try a transition, what the end of
// an attempt means, and when to stop retrying. It does not own SQL. Each
// transition is one method of its Store, which reports whether the transition
// landed.
//
// Crash: all work in memory also has a message row that the process claimed
// under its lease. If the process dies, its lease ends and another process
// frees its rows.
//
// Duplicate: if this process already works on a message, the delivery joins
// that work. If another process works on it, the engine acknowledges the
// delivery.
//
// Reorder: an outdated message claims nothing.
//
// The package may import internal/state, internal/jobs (and define) and
// internal/handlers. Storage is the Store interface below.
package coremachine
