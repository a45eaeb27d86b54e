// Package repo is the storage of jobs in Postgres: the schema, and one method
// per transition.
//
// It owns every statement over the state tables (queries/*.sql, one a file) and
// the migrations. A method that changes state is one transaction of guarded
// statements: each names the state that it expects, and what does not match is
// left alone. Lock order everywhere: messages, tasks, stages, jobs, each in key
// order.
//
// Crash: a transaction is there whole or not at all, so a process may die
// between any two statements. Duplicate: a method called again after a lost
// COMMIT answer finds its own effect and writes nothing. Reorder: a message row
// held under an attempt is the fence; whoever presents an older attempt, or
// none, writes nothing.
//
// It may import internal/database, internal/singleflight, internal/state and
// internal/view only.
package repo
