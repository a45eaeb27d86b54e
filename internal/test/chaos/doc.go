// Package chaos runs a whole deployment as real processes, breaks them while
// jobs run, and then counts what was lost.
//
//	make chaos MINUTES=5
//
// The processes work on one database: local hosts with the handlers that they
// spawn, plain workers and, over Service Bus, relays. Several kinds of faults
// happen at the same time:
//
//   - Handlers, workers, hosts and relays are killed in turn, more than one in
//     two seconds, if possible with tasks in flight and sometimes inside a
//     transaction. A process of another build, which declares a job differently,
//     replaces each of them.
//   - Postgres crashes, and connections are cut.
//   - A worker is suspended for longer than its lease.
//
// Leases and limits are those of production. A run with too few faults fails.
//
// The database decides the result: every acknowledged job must have ended as
// expected, the invariants must hold, and the status history, which triggers
// record, must not contain a forbidden transition. A run prints its seed, its
// faults and what was lost.
//
// Another test replaces the build of all hosts at the same moment, as a deployment
// does, and logs how long the jobs waited.
//
// Without -chaos.minutes it runs for a few seconds over each transport. It
// contains only tests, and may import everything.
package chaos
