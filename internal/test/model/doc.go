// Package model tests the engine against a small reference model. Random steps,
// one at a time, drive random jobs through the real engine on a real Postgres.
// After each step the invariants must hold, and every job must be in a state
// that the reference allows.
//
// The steps are:
//
//   - submits, reruns, retries, cancels and deletes
//   - messages that become dead letters and are redriven
//   - deliveries in any order, repeated, late, and into handlers that hang
//   - processes that die at any statement, before or after its COMMIT, that lose
//     their lease and continue, or that shut down gracefully
//   - sweeps
//   - processes of two builds, which declare a job with the same graph or with
//     one change
//
// There are no receivers in the background: the test is the transport.
// Processes dispatch locally or not, and have slots for one handler or several.
// A message that waits for a slot or for another build must raise no counter.
// At the end of a sequence, the test delivers everything without faults. Then
// every job must have ended as the reference predicts, task by task and value
// by value, with no more deliveries than its tasks need.
//
// It contains only tests, and may import everything.
package model
