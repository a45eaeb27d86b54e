// Package rows inserts valid rows with defaults into the schema of a test, for
// tests of code that only reads.
//
// A row that the database rejects fails the test. The inserted rows do not
// satisfy all invariants. A test that claims, completes or cancels uses the
// engine instead.
//
// It may import state, and only tests may import it.
package rows
