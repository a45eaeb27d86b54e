// Package rows inserts legal rows with defaults into a test's schema, for tests
// of what only reads.
//
// A row that the database refuses fails the test. What is inserted is not
// balanced by itself: a test that claims, completes or cancels uses the engine
// instead.
//
// It may import state, and only tests may import it.
package rows
