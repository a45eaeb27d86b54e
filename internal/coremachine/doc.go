// Package coremachine is the engine: it submits jobs, plans stages, runs tasks,
// records their results, and stops jobs on request. One engine runs every job.
// It is built from two literal maps: jobs and handlers.
//
// A task passes through these files, in this order:
//
//	submit.go, submit_batch.go  a job becomes rows, in a group commit
//	plan.go                     a stage becomes tasks and their messages
//	handle.go                   a transport delivers a message
//	reserve.go, slots.go        the message waits for a slot
//	claim.go                    the process claims the message, in a group commit
//	run.go                      the process starts the tasks of the message
//	execute.go                  one attempt of one task runs its handler
//	attempt.go                  the error of the handler gets a code and an outcome
//	complete.go                 attempts are recorded, in a group commit
//	advance.go                  a transaction has started what follows: it wakes the waiters
//	finish.go                   the last stage has ended: the job gets its result
//	finally.go                  the outcome is decided: the finally stages start
//	release.go                  a message leaves the process without its end
//
// Jobs also start later and by schedules: delayed.go, and schedules.go with
// schedule_slots.go and schedule_actions.go.
//
// Requests and repairs have their own ways: cancel.go and stop.go, retry.go and
// expand.go, tags.go, parked.go, reclaim.go, sweep.go and purge.go. A process
// works under a lease: lease.go, renew.go, term.go and session.go. The steps
// share batch.go and commit_size.go (group commit), definition.go, lineage.go,
// emit.go, failure.go, panic.go, progress.go, task_log.go and unresponsive.go.
// The surface is in machine.go, config.go, store.go, observer.go, registry.go,
// spec.go, types.go and task_input.go.
//
// The files short_*.go make short tasks fast, and nothing depends on them:
// duration estimates, completion buffer, goroutine pool and local dispatch.
// Config.DisableShortTasks turns them off.
//
// The engine owns the decisions: whether to try a transition, what the end of
// an attempt means, and when to stop retrying. It does not own SQL. Each
// transition is one method of its Store, which reports whether the transition
// landed. Each file declares the methods of the Store that it calls.
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
// internal/handlers. Storage is the Store interface.
package coremachine
