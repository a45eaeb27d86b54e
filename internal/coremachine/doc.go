// Package coremachine is the engine: it submits jobs, plans stages, runs tasks,
// books how they ended, and stops what shall stop. One engine runs every job;
// it is built from the two literal maps, jobs and handlers.
//
//	message --> claim (group commit) --> run the handler --> complete (group commit) --> what follows, in that transaction
//
// It owns the decisions: whether to try a transition, what an attempt's end
// means, when to give up. It owns no SQL: a transition is one method of its
// Store, which tells whether it landed.
//
// Crash: nothing lives in memory alone that is not also a message row held
// under a lease; when the process dies the lease ends and any other process
// frees its rows. Duplicate: a message whose work this process already has
// joins it, one whose work another holds is acknowledged. Reorder: a message of
// the past claims nothing.
//
// It may import internal/state, internal/jobs (and define) and
// internal/handlers; storage is the Store interface below.
package coremachine
