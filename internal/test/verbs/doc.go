// Package verbs drives the verbs of the HTTP API at random and at the same
// time: submit, rerun, cancel, retry, delete, redrive and sweep, from many
// clients on few jobs. When all is quiet again it judges the database by the
// invariants' SQL, and the answers by what the database says happened. It holds
// tests only.
//
// It owns nothing and guarantees nothing: it checks what the API and the engine
// promise when verbs race.
//
// It may import everything, and nothing imports it.
package verbs
