// Package e2e runs jobs through the whole program, from an HTTP request to the
// rows that users read. It uses real Postgres schemas and the real queue, with
// processes that are killed, disconnected, duplicated and overtaken. It
// contains only tests: those that need several processes, a host or the HTTP
// API. Tests of the engine in one process are next to its code. The jobs that
// they run are in this package, in test/worktest and in test/fixtures.
//
// It owns nothing and guarantees nothing. It checks the guarantees of the other
// packages.
//
// It may import everything, and nothing imports it.
package e2e
