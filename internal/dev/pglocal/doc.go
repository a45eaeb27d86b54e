// Package pglocal owns a private Postgres for a laptop, a demo, a test run or
// CI: it finds the server's binaries or gets them, makes a cluster in a folder
// that the caller names, starts it, and stops it when the last user has gone.
//
//	no cluster --initdb--> stopped --start--> running --last Stop, or last user dead--> stopped
//
// Users of one folder share one server, across processes. Each holds a shared
// file lock for as long as it lives, so the kernel counts them and a SIGKILL is
// counted too; a guard process waits for the last lock to go and then stops the
// server. A postmaster.pid that a crash left behind, even one whose pid now
// belongs to another program, does not stand in the way. A Durable cluster
// keeps its data through all of that. Another trades fsync for speed and is
// made anew after an unclean end. Two processes that start or stop at once take
// turns.
//
// The server listens on a unix socket in a folder that only its own account can
// enter, never on a network address. Postgres refuses to run as root: under
// root the server runs as `postgres` where that account exists, else as
// `nobody`.
//
// StartPooler puts a PgBouncer before a server, for tests of what differs
// there.
//
// It may import nothing from internal/.
package pglocal
