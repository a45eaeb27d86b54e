// Package verbs calls the verbs of the HTTP API randomly and concurrently:
// submit, rerun, cancel, retry, delete, redrive and sweep, from many clients on
// few jobs. Afterwards it checks the database with the SQL of the invariants,
// and compares the responses with what the database shows. It contains only
// tests.
//
// It owns nothing and guarantees nothing. It checks the guarantees of the API
// and the engine when verbs race.
//
// It may import everything, and nothing imports it.
package verbs
