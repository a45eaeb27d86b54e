// Package pgtest owns the real Postgres that tests run against: a fresh,
// migrated schema for each test, on one server for all test binaries of a run.
//
// A server named by DATABASE_URL is used as it is. Else the first binary starts
// one under .local/ without fsync, later ones join it, and the last one out
// stops it, also when binaries are killed: see pglocal. What a killed binary
// left behind is dropped by the next run that starts the server. Tests see
// nothing of each other, since each has a schema of its own, and may run in
// parallel. Crash tests take Own: a server of their own with fsync on.
//
// It may import pglocal, repo and repotest, and only tests may import it.
package pgtest
