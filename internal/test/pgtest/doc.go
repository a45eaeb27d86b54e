// Package pgtest owns the real Postgres that tests run against. Each test gets
// a fresh, migrated schema, and all test binaries of a run share one server.
//
// If DATABASE_URL names a server, it is used. Otherwise the first binary starts
// a server under .local/ without fsync, later ones share it, and the last one
// stops it, even if binaries are killed: see pglocal. The next run that starts
// the server drops the schemas that a killed binary left behind. Tests do not
// affect each other, since each has its own schema, and may run in parallel.
// Crash tests use Own: a separate server with fsync on.
//
// It may import pglocal, repo and repotest, and only tests may import it.
package pgtest
