// Package pglocal owns a private Postgres for a laptop, a demo, a test run or
// CI. It finds or installs the server's binaries, creates a cluster in a
// directory of the caller, starts it, and stops it when its last user has
// ended.
//
//	none --initdb--> stopped --start--> running --last Stop, or last user dead--> stopped
//
// All users of one directory share one server, across processes. Each holds a
// shared file lock while it lives, so the kernel also counts a user that gets a
// SIGKILL. A guard process waits for the last lock to be released and then
// stops the server. A postmaster.pid that a crash left behind does not block a
// start, even if another program has its PID now. A Durable cluster keeps its
// data in all of these cases. Any other cluster runs without fsync and is
// created again after an unclean end. Processes that start or stop concurrently
// wait for each other.
//
// The server listens on a unix socket in a directory that only its own account
// can enter, never on a network address. Postgres refuses to run as root: under
// root the server runs as `postgres` if that account exists, and otherwise as
// `nobody`.
//
// StartPooler starts a PgBouncer in front of a server, for tests of the
// differences.
//
// It may import nothing from internal/.
package pglocal
