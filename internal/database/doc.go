// Package database opens connections to Postgres and bounds every wait on them,
// even if a network loses connections without closing them or a connection
// pooler sits between.
//
// It owns how a connection is dialled, how long an answer can take, the session
// settings, and the differences behind a pooler such as PgBouncer: there are no
// startup parameters, named statements or LISTEN, and each transaction carries
// its settings.
//
// Crash: it keeps no state that outlives the process. Duplicate: a statement
// whose answer did not arrive may have run, so its error is retryable and the
// caller's guards decide. Reorder: connections are independent of each other.
//
// It may import nothing from internal/.
package database
