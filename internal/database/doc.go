// Package database opens connections to Postgres and keeps every wait on them
// bounded, whatever lies between: a network that loses connections without
// closing them, or a connection pooler.
//
// It owns how a connection is dialled, how long an answer may take, the session
// settings, and what differs behind a pooler such as PgBouncer: no startup
// parameters, no named statements and no LISTEN. Then the settings travel with
// each transaction.
//
// Crash: it keeps no state that outlives the process. Duplicate: a statement
// whose answer did not arrive may have run, so its error counts as retryable
// and the caller's guards decide. Reorder: connections are independent of each
// other.
//
// It may import nothing of ours.
package database
