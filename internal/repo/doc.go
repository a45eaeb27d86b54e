// Package repo is the storage of jobs in Postgres: the schema, and one method
// per transition.
//
// It owns every statement over the state tables (queries/*.sql, one per file)
// and the migrations. A method that changes state is one transaction of guarded
// statements. Each statement names the state that it expects and does not
// change rows in another state. Every transaction locks messages, tasks, stages
// and jobs in this order, each in key order.
//
// Crash: Postgres applies a transaction completely or not at all, so a process
// may die between any two statements. Duplicate: if the answer to COMMIT was
// lost and a caller repeats a method, the method finds its own effect and
// writes nothing. Reorder: a message row that is claimed under an attempt is
// the fence. A caller that presents an older attempt, or none, writes nothing.
//
// It may import internal/database, internal/singleflight, internal/state and
// internal/view only.
package repo
