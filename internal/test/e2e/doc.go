// Package e2e runs jobs through the whole program, from an HTTP request to the
// row that users read: on real Postgres schemas, on the real queue, with
// processes that are killed, cut off, duplicated and overtaken. It holds tests
// only; e2e/fixtures holds the jobs that they run.
//
// It owns nothing and guarantees nothing: it checks what the others promise.
//
// It may import everything, and nothing imports it.
package e2e
